"""Only for what pyproject.toml cannot say: a wheel carries `mappings/` as aisix/mappings.

A checkout uses the folder itself, so the tables exist once. The cases of a mapping become one
cases.zip: as thousands of small files they would take more room than the libraries. Beside them, in
aisix/results, is what checks would find out of them: nobody who installs it waits for that.
"""

import os
import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
NEEDED = ("msgspec", "toml")  # by the engine of the tables; pyproject.toml asks for them too
runpy.run_path(str(HERE / "aisix" / "__init__.py"))  # ends with a sentence on a Python too old


class WithMappings(build_py):
    """Copies the tables beside the modules when a wheel is built (not for editable installs)."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "aisix" / "mappings"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(HERE / "mappings", target)
            for cases in [*target.glob("*/*/cases"), *target.glob("overlays/*/*/*/cases")]:
                shutil.make_archive(str(cases), "zip", cases)
                shutil.rmtree(cases)
            self.show_that_they_hold(target, target.parent / "results")

    def show_that_they_hold(self, tables, results):
        """Fills `results`; a build whose tables or cases are wrong ends here."""
        shutil.rmtree(results, ignore_errors=True)
        if not all(map(find_spec, NEEDED)):
            print(f"warning: no {results.name} without {', '.join(NEEDED)}: the first check of"
                  " what is installed takes seconds", file=sys.stderr)  # fmt: skip
            return
        script = [sys.executable, "-B", "-m", "aisix.mapping.verify.shipped", tables, results]
        # Beside what is there already: it may be all that leads to what the build needs.
        path = os.pathsep.join([self.build_lib, *filter(None, [os.environ.get("PYTHONPATH")])])
        subprocess.run(script, env={**os.environ, "PYTHONPATH": path}, check=True)


setup(cmdclass={"build_py": WithMappings})
