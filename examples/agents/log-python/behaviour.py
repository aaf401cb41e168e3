"""What the agent does: records of the inbox in, statements out. No Kafka here, and no state but the open tasks."""
import json
import time
from dataclasses import dataclass

from records import now_text

MODEL = "conformance"
CALL_SECONDS = 600
SLEEP_SECONDS = 1
STEP_SECONDS = 0.2
ENDED = {"TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_REJECTED"}
WAITING = {"TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED"}


@dataclass
class Task:
    id: str
    context: str
    request: str
    cause: str  # ce_id of the message that began it
    traceparent: str
    waits_for: str = ""
    steps: int = 0  # of slow work
    step: int = 0
    due: float = 0  # when the next step is
    child: object = None  # the text of the first artifact of a child task

    def report(self, **update):
        return "AgentReported", {"taskId": self.id, "update": to_bytes(update)}

    def status(self, state, text=""):
        status = {"state": f"TASK_STATE_{state}", "timestamp": now_text()}
        if text:
            status["message"] = self.message(f"{state} {text}", text)
        return self.report(statusUpdate={"taskId": self.id, "contextId": self.context, "status": status})

    def message(self, name, text):
        return {
            "messageId": f"{self.id} {name}"[:200],
            "contextId": self.context,
            "role": "ROLE_AGENT",
            "parts": [{"text": text}],
        }

    def completed(self, text):
        """The artifact, and the end."""
        artifact = {"artifactId": "result", "parts": [{"text": text}]}
        ids = {"taskId": self.id, "contextId": self.context}
        return [self.report(artifactUpdate={**ids, "artifact": artifact, "lastChunk": True}), self.status("COMPLETED")]

    def call(self, action, kind, name, protocol, message):
        self.waits_for = "call"
        resource = {"type": kind, "id": name}
        data = {"taskId": self.id, "callId": "call", "action": action, "resource": resource, "protocol": protocol}
        deadline = int((time.time() + CALL_SECONDS) * 1000)
        return [("AgentCalled", {**data, "deadline": deadline, "repeatable": False, "message": to_bytes(message)})]


def to_bytes(message):
    return json.dumps(message).encode()


def text_of(parts):
    return "".join(part.get("text", "") for part in parts)


class Behaviour:
    """The open tasks. What it answers follows from the records alone, so that reading them again leads to the same."""

    def __init__(self):
        self.tasks = {}

    def handle(self, record, data, envelope):
        """The task and what to say, in order. Raises for what makes no sense."""
        if record == "MessageDelivered":
            return self.delivered(data, envelope)
        task = self.tasks.get(data["taskId"])
        if task is None:
            return None, []
        statements = getattr(self, record, lambda *_: [])(task, data)
        if record == "CancelDelivered" or any(is_end(statement) for statement in statements):
            self.tasks.pop(task.id)
        return task, statements

    def delivered(self, data, envelope):
        task = self.tasks.get(data["taskId"])
        if task is None:
            task = Task(data["taskId"], data["contextId"], data["requestId"], envelope["ce_id"], "")
        task.request, task.traceparent = data["requestId"], envelope["traceparent"]
        try:
            text = text_of(json.loads(data["request"])["message"]["parts"])
            if data["continues"] and task.waits_for == "user":
                statements = task.completed(f"You said: {text}")
            elif data["continues"]:
                statements = [task.status("FAILED", "I did not ask anything.")]
            else:
                statements = self.begin(task, text)
        except Exception as error:
            statements = [task.status("FAILED", f"The message can not be read: {error!r}")]
        if statements and any(is_end(statement) for statement in statements):
            self.tasks.pop(task.id, None)
        else:
            self.tasks[task.id] = task
        return task, statements

    def begin(self, task, text):
        word, _, rest = text.partition(" ")
        if word == "echo":
            return task.completed(rest)
        if word == "ask":
            task.waits_for = "user"
            return [task.status("INPUT_REQUIRED", "What shall I say?")]
        if word == "fail":
            return [task.status("FAILED", "It was to fail.")]
        if word == "direct":
            return [task.report(message=task.message("direct", rest))]
        if word == "slow":
            task.steps, task.due = int(rest), time.monotonic() + STEP_SECONDS
            return []
        if word == "sleep":
            task.waits_for = "timer"
            at = int((time.time() + SLEEP_SECONDS) * 1000)
            return [("AgentSlept", {"taskId": task.id, "timerId": "timer", "at": at})]
        if word == "call-llm":
            body = {"model": MODEL, "messages": [{"role": "user", "content": rest}]}
            return task.call("model.chat", "model", MODEL, "openai.chat", body)
        if word == "call-agent":
            name, _, words = rest.partition(" ")
            message = {"messageId": f"{task.id} call", "role": "ROLE_USER", "parts": [{"text": words}]}
            return task.call("agent.send", "agent", name, "a2a", {"message": message})
        return [task.status("FAILED", f'I do not know "{word}".')]

    def CallAnswered(self, task, data):
        if data["callId"] != task.waits_for:
            return []
        if data["outcome"] != "COMPLETED":
            return [task.status("FAILED", data["reason"] or data["outcome"])]
        answer = json.loads(data["message"])
        if "choices" in answer:
            return task.completed(answer["choices"][0]["message"]["content"])
        return task.completed(text_of(answer["message"]["parts"]))

    def CallUpdated(self, task, data):
        if data["callId"] != task.waits_for:
            return []
        artifact = json.loads(data["update"]).get("artifactUpdate", {}).get("artifact")
        if artifact and task.child is None:
            task.child = text_of(artifact["parts"])
        if data["state"] == "TASK_STATE_COMPLETED":
            return task.completed(task.child or "")
        if data["state"] in ENDED | WAITING:
            return [task.status("FAILED", f"The other agent's task is {data['state']}.")]
        return []

    def TimerElapsed(self, task, data):
        return task.completed("awake") if data["timerId"] == task.waits_for else []

    def ReportReturned(self, task, data):
        if data["callId"] and data["callId"] == task.waits_for:
            return [task.status("FAILED", data["message"])]
        # The mesh does not take this task from us: nothing that we could say of it would be heard.
        self.tasks[task.id].steps = 0
        return []

    def slow_steps(self):
        """Tasks whose next step is due. A pair of the step's number and its statements, for each."""
        for task in list(self.tasks.values()):
            if task.step < task.steps and time.monotonic() >= task.due:
                yield task, self.next_step(task)

    def next_step(self, task):
        task.step += 1
        task.due = time.monotonic() + STEP_SECONDS
        progress = [task.status("WORKING", f"{task.step} of {task.steps}")]
        if task.step < task.steps:
            return progress
        self.tasks.pop(task.id)
        return progress + task.completed("done")


def is_end(statement):
    record, data = statement
    if record != "AgentReported":
        return False
    update = json.loads(data["update"])
    return "message" in update or update.get("statusUpdate", {}).get("status", {}).get("state") in ENDED
