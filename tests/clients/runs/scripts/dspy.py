import os
import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # this file has the library's name
import dspy

mode, question = sys.argv[1:]
print(dspy.LM(f"openai/{os.environ['ALIAS']}", cache=False)(question)[0])
