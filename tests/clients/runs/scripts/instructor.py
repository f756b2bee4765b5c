import os
import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # this file has the library's name
import instructor
import pydantic


class Person(pydantic.BaseModel):
    name: str
    age: int


mode, question = sys.argv[1:]
client = instructor.from_provider(f"openai/{os.environ['ALIAS']}")
asked = [{"role": "user", "content": question}]
if mode == "stream":
    found = list(client.create_partial(response_model=Person, messages=asked))[-1]
else:
    found = client.create(response_model=Person, messages=asked)
# Each is a forced call: what the model gave is what is told.
print("You said:", question, "The tool says:", found.name, found.age)
