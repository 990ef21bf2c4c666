"""All else is in setup.cfg."""

import atexit
import shutil
import tempfile

from setuptools import setup

# Never in build/: what an earlier version left there would be installed along with this one, and a
# hook of that version would find its modules instead of saying that it is to be installed anew.
folder = tempfile.mkdtemp(prefix="guard-build-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)
setup(options={"build": {"build_base": folder}})
