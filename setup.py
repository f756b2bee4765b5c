"""Only for what pyproject.toml cannot say: a wheel carries `mappings/` as aisix/mappings.

A checkout uses the folder itself, so the tables exist once. The cases of a mapping become one
cases.zip: as thousands of small files they would take more room than the libraries.
"""

import runpy
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
runpy.run_path(str(HERE / "aisix" / "__init__.py"))  # ends with a sentence on a Python too old


class WithMappings(build_py):
    """Copies the tables beside the modules when a wheel is built (not for editable installs)."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "aisix" / "mappings"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(HERE / "mappings", target)
            for cases in list(target.glob("*/*/cases")):
                shutil.make_archive(str(cases), "zip", cases)
                shutil.rmtree(cases)


setup(cmdclass={"build_py": WithMappings})
