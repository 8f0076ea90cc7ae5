"""What comes of each fault: the outcome, how often the request that it hits is sent, and the seconds slept.

Three attempts are allowed, and each pause is as long as it can get. "of one file" means that a sync went on with the
others. "all" are the operations that the row does not name elsewhere.
"""

from __future__ import annotations

EXPECTED: dict[str, dict[str, str]] = {
    "connection refused": {"UnreachableError, 3 x, 0.6 s": "all"},
    "connect hangs": {"ConnectTimeoutError, 2 x, 0.2 s": "all"},
    "name unknown": {"UnreachableError, 1 x, 0 s": "all"},
    "name server fails": {"UnreachableError, 3 x, 0.6 s": "all"},
    "name server is silent": {"ConnectTimeoutError, 2 x, 0.2 s": "all"},
    "first address hangs, second answers": {
        "done, 1 x, 0 s": "all",
        "done, 3 x, 0 s": "get in ranges",
    },
    "first address refuses, second answers": {
        "done, 1 x, 0 s": "all",
        "done, 3 x, 0 s": "get in ranges",
    },
    "certificate of another name": {"TLSError, 1 x, 0 s": "all"},
    "certificate expired": {"TLSError, 1 x, 0 s": "all"},
    "certificate self-signed": {"TLSError, 1 x, 0 s": "all"},
    "certificate of an unknown authority": {"TLSError, 1 x, 0 s": "all"},
    "https to a plain http port": {"TLSError, 1 x, 0 s": "all"},
    "proxy refuses CONNECT: 407": {"ProxyError, 1 x, 0 s": "all"},
    "proxy refuses CONNECT: 502": {"ProxyError, 3 x, 0.6 s": "all"},
    "proxy breaks off": {"ProxyError, 3 x, 0.6 s": "all"},
    "proxy for http answers 407": {"ProxyError, 1 x, 0 s": "all"},
    "proxy for http answers 502": {
        "S3Error, 3 x, 0.6 s": "all",
        "S3Error, 3 x, 1.2 s": "put, multipart: create, multipart: part, multipart: complete",
    },
    "proxy is not there": {"ProxyError, 3 x, 0.6 s": "all"},
    "reset before the request is read, once": {
        "done, 2 x, 0.2 s": "all",
        "done, 2 x, 0 s": "multipart: part, multipart: complete, sync up: put, sync down: get",
    },
    "reset before the request is read, always": {
        "ConnectionClosedError, 3 x, 0.6 s": "all",
        "ConnectionClosedError, 4 x, 0.6 s": "multipart: part, multipart: complete",
        "ConnectionClosedError of one file, 4 x, 0.6 s": "sync up: put, sync down: get",
    },
    "reset in the middle of the request, once": {
        "done, 2 x, 0.2 s": "all",
        "done, 2 x, 0 s": "multipart: part, multipart: complete, sync up: put, sync down: get",
    },
    "reset in the middle of the request, always": {
        "ConnectionClosedError, 3 x, 0.6 s": "all",
        "ConnectionClosedError, 4 x, 0.6 s": "multipart: part, multipart: complete",
        "ConnectionClosedError of one file, 4 x, 0.6 s": "sync up: put, sync down: get",
    },
    "reset in the middle of the answer, once": {"done, 2 x, 0.2 s": "all"},
    "reset in the middle of the answer, always": {
        "ConnectionClosedError, 3 x, 0.6 s": "all",
        "done, 3 x, 0.6 s": "put, multipart: complete, sync up: put",
        "ConnectionClosedError of one file, 3 x, 0.6 s": "sync down: get",
    },
    "answer cut, at each of its bytes": {"done, 2 x, 0.2 s": "all"},
    "answer stalls, once": {"done, 2 x, 0.2 s": "all"},
    "answer stalls, always": {
        "ReadTimeoutError, 3 x, 0.6 s": "all",
        "done, 3 x, 0.6 s": "put, multipart: complete, sync up: put",
        "ReadTimeoutError of one file, 3 x, 0.6 s": "sync down: get",
    },
    "answer drips for ever": {
        "ReadTimeoutError, 3 x, 0.6 s": "all",
        "done, 3 x, 0.6 s": "put, multipart: complete, sync up: put",
        "ReadTimeoutError of one file, 3 x, 0.6 s": "sync down: get",
    },
    "body drips": {
        "ReadTimeoutError, 3 x, 0.6 s": "all",
        "done, 1 x, 0 s": "multipart: create, multipart: complete",
        "ReadTimeoutError of one file, 3 x, 0.6 s": "sync down: get",
    },
    "kept connection closed while idle": {"done, 1 x, 0 s": "all"},
    "kept connection reset while idle": {"done, 1 x, 0 s": "all"},
    "kept connection closed as the request comes": {"done, 2 x, 0 s": "all"},
    "kept connection reset as the request comes": {"done, 2 x, 0 s": "all"},
    "early 403 and a closed connection": {
        "AccessDeniedError, 1 x, 0 s": "all",
        "AccessDeniedError, 2 x, 0 s": "head",
        "AccessDeniedError of one file, 1 x, 0 s": "sync up: put, sync down: get",
    },
    "1xx answers before the answer": {"done, 1 x, 0 s": "all"},
    "1xx answers without end": {
        "ResponseError, 1 x, 0 s": "all",
        "ResponseError of one file, 1 x, 0 s": "sync up: put, sync down: get",
    },
    "no HTTP": {
        "ResponseError, 1 x, 0 s": "all",
        "ResponseError of one file, 1 x, 0 s": "sync up: put, sync down: get",
    },
    "400 RequestTimeout, once": {
        "done, 2 x, 0.2 s": "all",
        "done, 2 x, 0 s": "head",
    },
    "400 RequestTimeout, always": {
        "S3Error, 3 x, 0.6 s": "all",
        "S3Error, 4 x, 0.6 s": "head",
        "S3Error of one file, 3 x, 0.6 s": "sync up: put, sync down: get",
    },
    "408, once": {"done, 2 x, 0.2 s": "all"},
    "408, always": {
        "S3Error, 3 x, 0.6 s": "all",
        "S3Error of one file, 3 x, 0.6 s": "sync up: put, sync down: get",
    },
    "429 without Retry-After, once": {"done, 2 x, 1 s": "all"},
    "429 without Retry-After, always": {
        "ThrottledError, 3 x, 3 s": "all",
        "ThrottledError of one file, 3 x, 3 s": "sync up: put, sync down: get",
    },
    "429 with Retry-After: 7, once": {"done, 2 x, 7 s": "all"},
    "429 with Retry-After: 7, always": {
        "ThrottledError, 3 x, 14 s": "all",
        "ThrottledError of one file, 3 x, 14 s": "sync up: put, sync down: get",
    },
    "429 with Retry-After: 3600, once": {"done, 2 x, 20 s": "all"},
    "429 with Retry-After: 3600, always": {
        "ThrottledError, 3 x, 40 s": "all",
        "ThrottledError of one file, 3 x, 40 s": "sync up: put, sync down: get",
    },
    "500 InternalError, once": {"done, 2 x, 0.2 s": "all"},
    "500 InternalError, always": {
        "S3Error, 3 x, 0.6 s": "all",
        "S3Error of one file, 3 x, 0.6 s": "sync up: put, sync down: get",
    },
    "502 with a page of HTML, once": {"done, 2 x, 0.2 s": "all"},
    "502 with a page of HTML, always": {
        "S3Error, 3 x, 0.6 s": "all",
        "S3Error of one file, 3 x, 0.6 s": "sync up: put, sync down: get",
    },
    "503 SlowDown, once": {"done, 2 x, 1 s": "all"},
    "503 SlowDown, twice": {"done, 3 x, 3 s": "all"},
    "503 SlowDown, always": {
        "ThrottledError, 3 x, 3 s": "all",
        "ThrottledError of one file, 3 x, 3 s": "sync up: put, sync down: get",
    },
    "504 although it was done, once": {"done, 2 x, 0.2 s": "all"},
    "504 although it was done, always": {
        "S3Error, 3 x, 0.6 s": "all",
        "done, 3 x, 0.6 s": "put, multipart: complete, sync up: put",
        "S3Error of one file, 3 x, 0.6 s": "sync down: get",
    },
    "200 with <Error>, once": {"done, 2 x, 0.2 s": "all"},
    "200 with <Error>, always": {"S3Error, 3 x, 0.6 s": "all"},
    "200 of something that is no S3 server": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "get in ranges",
        "ResponseError of one file, 1 x, 0 s": "sync up: put, sync down: get",
    },
    "200 without an ETag, and nothing stored": {
        "ResponseError, 1 x, 0 s": "all",
        "ResponseError of one file, 1 x, 0 s": "sync up: put",
    },
    "200 without an ETag, but stored": {
        "done, 1 x, 0 s": "all",
        "ResponseError, 1 x, 0 s": "multipart: part",
    },
    "wrong ETag": {
        "done, 1 x, 0 s": "all",
        "S3Error, 1 x, 0 s": "multipart: part",
        "IntegrityError, 1 x, 0 s": "get in ranges",
    },
    "wrong ETag, and no hash of timetrace's": {
        "IntegrityError, 3 x, 0.6 s": "all",
        "IntegrityError, 1 x, 0 s": "get in ranges",
        "IntegrityError of one file, 3 x, 0.6 s": "sync down: get",
    },
    "content damaged, once": {
        "done, 2 x, 0.2 s": "all",
        "done, 2 x, 0 s": "get in ranges",
    },
    "content damaged, always": {
        "IntegrityError, 3 x, 0.6 s": "all",
        "IntegrityError, 2 x, 0 s": "get in ranges",
        "IntegrityError of one file, 3 x, 0.6 s": "sync down: get",
    },
    "Content-Length too long, once": {
        "done, 2 x, 0.2 s": "all",
        "done, 1 x, 0 s": "delete",
        "ResponseError, 1 x, 0 s": "get in ranges",
    },
    "Content-Length too long, always": {
        "ConnectionClosedError, 3 x, 0.6 s": "all",
        "done, 3 x, 0.6 s": "put, multipart: complete, sync up: put",
        "done, 1 x, 0 s": "delete",
        "ResponseError, 1 x, 0 s": "get in ranges",
        "ConnectionClosedError of one file, 3 x, 0.6 s": "sync down: get",
    },
    "Content-Length too short, once": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 2 x, 0.2 s": "get, sync down: get",
        "done, 1 x, 0 s": "multipart: complete",
    },
    "Content-Length too short, always": {
        "ResponseError, 1 x, 0 s": "all",
        "IntegrityError, 3 x, 0.6 s": "get",
        "done, 1 x, 0 s": "multipart: complete",
        "IntegrityError of one file, 3 x, 0.6 s": "sync down: get",
    },
    "more bytes than promised": {"done, 1 x, 0 s": "all"},
    "XML: garbage": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "multipart: complete",
    },
    "XML: truncated": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "multipart: complete",
    },
    "XML: oversized, as its length says": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "multipart: complete",
    },
    "XML: oversized, in chunks": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "multipart: complete",
    },
    "XML: oversized, until the connection ends": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "multipart: complete",
    },
    "XML: too deep": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "multipart: complete",
    },
    "XML: with a DOCTYPE": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "multipart: complete",
    },
    "listing repeats a token": {"ResponseError, 2 x, 0 s": "all"},
    "listing goes on without a token": {"ResponseError, 1 x, 0 s": "all"},
    "listing has a key outside the prefix": {"ResponseError, 1 x, 0 s": "all"},
    "listing has keys twice": {
        "ResponseError, 1 x, 0 s": "all",
        "done, 1 x, 0 s": "list",
    },
    "redirect to another host": {"WrongRegionError, 1 x, 0 s": "all"},
    "redirect to another port": {"WrongRegionError, 1 x, 0 s": "all"},
    "redirect to another scheme": {
        "S3Error, 1 x, 0 s": "all",
        "S3Error of one file, 1 x, 0 s": "sync up: put, sync down: get",
    },
}
