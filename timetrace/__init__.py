"""Store and fetch cassettes (recorded API calls) in AWS S3 and anything that speaks S3."""

__version__ = "0.1.0"
