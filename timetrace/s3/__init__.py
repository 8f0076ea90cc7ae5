"""The S3 protocol: buckets, objects and signatures. It has never heard of a cassette."""
