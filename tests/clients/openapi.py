"""The OpenAPI document of a daemon, and what its schemas say of values."""

import candord

candord.need("jsonschema", "python3-jsonschema")
import jsonschema  # noqa: E402


class Document:
    def __init__(self, daemon):
        answer = daemon.ask("GET", "/v1/openapi.json")
        assert answer.status == 200 and answer.type == "application/json", str(answer)
        self.json = answer.json()
        self.operations = {}
        for path, methods in self.json["paths"].items():
            for method, operation in methods.items():
                self.operations[operation["operationId"]] = (method.upper(), path, operation)

    def resolve(self, value):
        """Where a $ref leads."""
        while "$ref" in value:
            at = self.json
            for part in value["$ref"].split("/")[1:]:
                at = at[part]
            value = at
        return value

    def strict(self):
        """The same, where answers have no fields but those that are described."""
        for schema in self.json["components"]["schemas"].values():
            if schema.get("type") == "object":
                schema["additionalProperties"] = False
        return self

    def response(self, operation, status):
        """What an operation may answer with a status; None: that status is not described."""
        of = operation["responses"].get(str(status))
        if of is None and status >= 400:
            of = operation["responses"].get("default")
        return self.resolve(of) if of else None

    def fault(self, schema, value):
        """Why a value is not as a schema says; None: it is."""
        resolver = jsonschema.RefResolver("", self.json)
        validator = jsonschema.Draft202012Validator(schema, resolver=resolver)
        for error in validator.iter_errors(value):
            return f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        return None

    def fault_of_answer(self, operation, answer):
        """Why an answer is not one that is described; None: it is."""
        response = self.response(operation, answer.status)
        if response is None:
            return f"status {answer.status} is not described"
        content = response.get("content", {})
        if answer.type not in content:
            return None if not content and not answer.body else f"type {answer.type!r} is not described"
        if answer.type.endswith("json") and not answer.type.endswith("ndjson"):
            return self.fault(content[answer.type]["schema"], answer.json())
        return None
