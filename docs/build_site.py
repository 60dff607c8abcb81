"""Build the documentation site from the repository.

./ros2w exec python docs/build_site.py            # into build/site/html
./ros2w exec python docs/build_site.py --strict   # a warning is an error, as in .ci/run
./ros2w exec python docs/build_site.py --serve    # build, then serve it on this machine
"""

import sys
from pathlib import Path

# The site shows the wrapper's help, and the wrapper is not an installed package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "standalone"))

from site_builder.build import main

if __name__ == "__main__":
    sys.exit(main())
