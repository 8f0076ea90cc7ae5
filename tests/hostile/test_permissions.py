"""A download is its owner's alone until it has its name; then the umask decides."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
ROOT = Path(__file__).parent.parent.parent

CHILD = """
import os, stat, sys
os.umask(int(sys.argv[3], 8))
from timetrace.storage import S3Config, S3Store
from timetrace.storage.objects import Objects
root, seen = sys.argv[2], []
true = Objects.get
def get(self, key, target, **how):
    size = true(self, key, target, **how)  # all is written, and not yet published
    for place, _, names in os.walk(root):
        seen.extend(oct(stat.S_IMODE(os.stat(os.path.join(place, n)).st_mode)) for n in names if n.endswith(".tmp"))
    return size
Objects.get = get
config = S3Config("bucket", "", endpoint_url=sys.argv[1], access_key="A", secret_key="S" * 9)
with S3Store(config) as store:
    store.download("a.json", root + "/one.json")
    store.download_files(["a.json"], root + "/many")
    store.sync_download(root + "/sync")
files = [os.path.join(place, name) for place, _, names in os.walk(root) for name in names]
print(len(seen), *sorted(set(seen)), len(files), *sorted({oct(stat.S_IMODE(os.stat(file).st_mode)) for file in files}))
"""


@pytest.mark.parametrize(("umask", "mode"), [("022", "0o644"), ("077", "0o600"), ("002", "0o664"), ("000", "0o666")])
def test_temporary_files_are_private_and_permissions_follow_the_umask(tmp_path: Path, umask: str, mode: str) -> None:
    with Bucket() as bucket:
        bucket.objects["a.json"] = Stored(b"{}")
        done = subprocess.run(
            [sys.executable, "-c", CHILD, bucket.url, tmp_path, umask],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
    assert (done.stdout, done.stderr) == (f"3 0o600 3 {mode}\n", "")
