"""What each server does otherwise than S3, and what a user gets instead.

One line a claim. Where a server has no line for a claim, it does as S3 does. The tests compare strictly, so a defect
that a newer version mends shows as a failure here, like one that it brings.
"""

from __future__ import annotations

from tests.servers.server import Server
from timetrace.errors import RequestError, S3Error

KEPT = "kept"
LIVE = "live"


def expected(server: Server, claim: str, otherwise: str) -> str:
    """What `server` is known to give for a claim, else what S3 gives."""
    return DEFECTS.get(server.name, {}).get(claim, otherwise)


def named(error: RequestError) -> str:
    """The server's own name for its refusal, else the error's class."""
    return f"{error.status} {error.code}" if isinstance(error, S3Error) else type(error).__name__


def _refused(reason: str, *keys: str) -> dict[str, str]:
    """Keys that cannot be stored: an error that names the key."""
    return {f"key {key}": f"put: {reason}" for key in keys}


_DOTS = ("'./a.json'", "'../a.json'", "'a/./b.json'", "'a/../b.json'")
_DOTS_IN_ROOT = ("'../b.json' in the root", "'./c.json' in the root", "'a/../e.json' in the root")
_EMPTY_PARTS = ("'a//b.json'", "'//a.json'", "'/a.json'")
_LONG_PART = "'s' * 256"

SEAWEEDFS = {
    "order of listings": "out of order",
    "a damaged body": "stored",  # and found when it is read
    "an unknown session token": (
        "InvalidAccessKeyError 403: check AWS_ACCESS_KEY_ID, and that it is not swapped with AWS_SECRET_ACCESS_KEY"
    ),
    "hostile keys that are stored": "",
    **_refused("400 InvalidRequest", *_DOTS, *_DOTS_IN_ROOT),
    **_refused("400 KeyTooLongError", _LONG_PART),
    "keys ('./a', 'a')": "put './a': 400 InvalidRequest",
    "keys ('b/../a', 'a')": "put 'b/../a': 400 InvalidRequest",
    "keys ('a', 'a/')": "put 'a/': 409 ExistingObjectIsFile",
    # It drops the content of a key that ends in "/".
    "key 'a/'": "get: IntegrityError",
    "key 'dir/sub/'": "get: IntegrityError",
    "keys ('%2F', '/')": "get '/': IntegrityError; list: ['', '%2F']",
    # It takes several keys for one, and timetrace says so.
    **_refused("IntegrityError", "'a\\\\b.json'", *_EMPTY_PARTS, "'/a.json' in the root"),
    "keys ('a//b', 'a/b')": "put 'a//b': IntegrityError",
    "keys ('/a', 'a')": "put '/a': IntegrityError",
    "keys ('a\\\\b', 'a/b')": "put 'a\\\\b': IntegrityError",
}

MINIO = {
    "an unknown session token": (
        "ExpiredCredentialsError 403: get new credentials; these have expired or their session token is not valid"
    ),
    "hostile keys that are stored": "",
    **_refused("400 XMinioInvalidResourceName", *_DOTS, *_DOTS_IN_ROOT),
    **_refused("400 XMinioInvalidObjectName", *_EMPTY_PARTS, _LONG_PART),
    "key '/a.json' in the root": "put: IntegrityError",
    "keys ('%2F', '/')": "put '/': 400 XMinioInvalidObjectName",
    "keys ('a//b', 'a/b')": "put 'a//b': 400 XMinioInvalidObjectName",
    "keys ('/a', 'a')": "put '/a': 400 XMinioInvalidObjectName",
    "keys ('./a', 'a')": "put './a': 400 XMinioInvalidResourceName",
    "keys ('b/../a', 'a')": "put 'b/../a': 400 XMinioInvalidResourceName",
    # It lists nothing below `a/` while there is an `a`.
    "keys ('a', 'a/b')": "list: ['a']",
    "keys ('a/b', 'a')": "list: ['a']",
    "a file and a folder of one name": "both stored, refused on the way down: []",
}

MINIO_KMS = {
    **MINIO,
    "an equal object of another program": "copied",
}

LOCALSTACK = {
    "a wrong secret": "none",
    "an unknown access key": "none",
    "an unknown session token": "none",
    "an anonymous list": "none",
    "an anonymous read": "none",
    "a wrong clock, not corrected": "none",
    "a damaged body": "stored",
    "small pages of encoded names": "cut off",  # the client's own pages are complete
}

VERSITYGW = {
    "a wrong region": "400 200 200 200",
    "hostile keys that are stored": "",
    "key 'bell\\x07'": "list: ['bell\ufffd']",
    **_refused("400 DirectoryObjectContainsData", "'a/'", "'dir/sub/'"),
    **_refused("409 ExistingObjectIsDirectory", _LONG_PART),
    **_refused("400 400", "'../b.json' in the root"),
    "keys ('%2F', '/')": "put '/': 400 DirectoryObjectContainsData",
    "keys ('a', 'a/')": "put 'a/': 400 DirectoryObjectContainsData",
    "keys ('a', 'a/b')": "put 'a/b': 409 ObjectParentIsFile",
    "keys ('a/b', 'a')": "put 'a': 409 ExistingObjectIsDirectory",
    "a file and a folder of one name": "409 ObjectParentIsFile",
    # It takes several keys for one, as they are paths to it, and timetrace says so.
    **_refused("IntegrityError", *_DOTS, *_EMPTY_PARTS, *_DOTS_IN_ROOT[1:], "'/a.json' in the root"),
    "keys ('a//b', 'a/b')": "put 'a//b': IntegrityError",
    "keys ('/a', 'a')": "put '/a': IntegrityError",
    "keys ('./a', 'a')": "put './a': IntegrityError",
    "keys ('b/../a', 'a')": "put 'b/../a': IntegrityError",
}

SWIFT = {
    "an unknown access key": (
        "SignatureError 403: check AWS_SECRET_ACCESS_KEY, and that it belongs to AWS_ACCESS_KEY_ID"
    ),
    "an unknown session token": "none",
    "an anonymous list": "PreconditionFailedError 412: the object exists, or is another than was expected",
    "an anonymous read": "S3Error 400: ",
    "a wrong region": "400 200 200 200",
    "hostile keys that are stored": "up, absolute, dot, up within, empty part, long",
}

CEPH = {
    "to create only, in parts": "UnsupportedError",
    "an unknown session token": "none",
    "hostile keys that are stored": "up, absolute, dot, up within, empty part, long",
}

RCLONE = {
    "the number of parts in an ETag": "none",
    "a range, with the ETag in quotes": "234, 234",
    "a range, with a bare ETag": "234, 234",
    "to create only": "told: If-None-Match was ignored",
    "to create only, in parts": "UnsupportedError",
    "a second PUT that may only create": "replaced",
    "an unknown session token": "none",
    "an anonymous list": "S3Error 400: ",
    "an anonymous read": "S3Error 400: ",
    "a wrong clock, not corrected": "AccessDeniedError 400: ask for the permission to put that key (s3:PutObject)",
    "an object that is not the expected one": "given all the same",
    "an expired presigned URL": "400",
    "a damaged body": "stored",
    "hostile keys that are stored": "long",
    **_refused("400 InvalidArgument", *_DOTS, *_DOTS_IN_ROOT, *_EMPTY_PARTS, "'/a.json' in the root"),
    **_refused("500 InternalError", _LONG_PART),
    "keys ('%2F', '/')": "put '/': 500 InternalError",
    "keys ('a//b', 'a/b')": "put 'a//b': 400 InvalidArgument",
    "keys ('/a', 'a')": "put '/a': 400 InvalidArgument",
    "keys ('./a', 'a')": "put './a': 400 InvalidArgument",
    "keys ('b/../a', 'a')": "put 'b/../a': 400 InvalidArgument",
    "keys ('a', 'a/b')": "put 'a/b': 500 InternalError",
    "keys ('a/b', 'a')": "put 'a': 500 InternalError",
    "a file and a folder of one name": "500 InternalError",
    # It takes `a/` for `a`, and timetrace says so.
    **_refused("IntegrityError", "'a/'", "'dir/sub/'"),
    "keys ('a', 'a/')": "put 'a/': IntegrityError",
}

MOTO = {
    "an anonymous list": "S3Error 500: ",
    "a wrong clock, not corrected": "none",
    "a damaged body": "stored",
    "key 'line\\nend'": "put: 404 NotFound",
    # While it checks signatures it cannot do without a header that holds one.
    "a presigned URL": "500",
    "an altered presigned URL": "500",
    "an expired presigned URL": "500",
}

DEFECTS = {
    "seaweedfs": SEAWEEDFS,
    "minio": MINIO,
    "minio-kms": MINIO_KMS,
    "localstack": LOCALSTACK,
    "versitygw": VERSITYGW,
    "swift": SWIFT,
    "ceph": CEPH,
    "rclone": RCLONE,
    "moto": MOTO,
}
