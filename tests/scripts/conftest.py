"""The modules of scripts/ are no package: they are imported as the scripts themselves do."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
