"""What boto3's users write for themselves, as it has no sync: one client, shared by threads.

Usage: by_boto3.py up|down|put|get|list PATH BUCKET PREFIX-OR-KEY; all else is in the environment.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from benchmark.comparing import Entry, differing, local, make_folders

AT_ONCE = 32


def main(work: str, path: str, bucket: str, key: str) -> None:
    client = boto3.client("s3", config=Config(max_pool_connections=AT_ONCE))

    def listed() -> list[dict[str, Any]]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key}/")
        return [one for page in pages for one in page.get("Contents", ())]

    def entries() -> dict[str, Entry]:
        start = len(key) + 1
        return {one["Key"][start:]: Entry(one["Size"], one["LastModified"].timestamp()) for one in listed()}

    def send(name: str) -> None:
        with open(os.path.join(path, name), "rb") as file:
            client.put_object(Bucket=bucket, Key=f"{key}/{name}", Body=file)

    def fetch(name: str) -> None:
        content = client.get_object(Bucket=bucket, Key=f"{key}/{name}")["Body"].read()
        with open(os.path.join(path, name), "wb") as file:
            file.write(content)

    if work == "put":
        client.upload_file(path, bucket, key)
    elif work == "get":
        client.download_file(bucket, key, path)
    elif work == "list":
        print("\n".join([one["Key"] for one in listed()]))
    else:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            if work == "up":
                list(pool.map(send, differing(local(path), entries())))
            else:
                names = differing(entries(), local(path))
                make_folders(path, names)
                list(pool.map(fetch, names))


if __name__ == "__main__":
    main(*sys.argv[1:])
