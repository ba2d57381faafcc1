"""
Load of people for Locust, which counts answers finished and not only questions accepted:

    pip install locust
    CHATTERBOT_API_KEY=... locust -f tests/locustfile.py --host http://127.0.0.1:8001 --headless -u 100 -r 20 -t 60s

Three kinds of people: who reads a stream to its end (POST /stream-chat), who asks and comes back for the answer
(POST /async-chat), and who waits for it (POST /chat). "answer finished" is a line of its own for each: its time is
from the question to the last byte, and it fails where the answer has no proper end. All share one user unless
CHATTERBOT_USERS says how many; CHATTERBOT_MAX_TOKENS (64) is the length asked for.
"""

import json
import os
import random
import time
from contextlib import closing

from locust import HttpUser, between, task

KEY = os.environ.get("CHATTERBOT_API_KEY", "")
USERS = int(os.environ.get("CHATTERBOT_USERS", "1"))
MAX_TOKENS = int(os.environ.get("CHATTERBOT_MAX_TOKENS", "64"))
# Seconds that somebody waits for an answer before it counts as lost.
PATIENCE = float(os.environ.get("CHATTERBOT_PATIENCE", "300"))

QUESTIONS = (
    "What is the capital of France?",
    "Explain in two sentences why the sky is blue.",
    "Write a haiku about a harbour at night.",
    "Name three uses of a paper clip.",
)


class NotFinished(Exception):
    """An accepted question whose answer had no proper end."""


class Person(HttpUser):
    abstract = True
    wait_time = between(1, 3)

    def on_start(self):
        self.client.headers["X-API-Key"] = KEY
        self.user_id = f"locust-{random.randrange(USERS)}"

    def ask(self, path):
        """The accepted question's JSON, or None; a refusal is a failure of that line, with its code."""
        body = {"user_id": self.user_id, "message": random.choice(QUESTIONS), "max_tokens": MAX_TOKENS}
        with self.client.post(path, json=body, timeout=PATIENCE, catch_response=True) as response:
            if response.ok:
                return response.json()
            response.failure(f"{response.status_code} {error_code(response)}")
            return None

    def finished(self, way, began, length, failure=None):
        self.environment.events.request.fire(
            request_type="ANSWER",
            name=f"answer finished ({way})",
            response_time=(time.perf_counter() - began) * 1000,
            response_length=length,
            exception=failure,
            context={},
        )


    def look_until_it_is_there(self, way, began, correlation_id):
        while time.perf_counter() - began < PATIENCE:
            time.sleep(0.5)
            answer = self.client.get(f"/check-response/{correlation_id}", name="/check-response/{id}").json()
            status = answer.get("status")
            if status != "pending":
                failure = None if status is None else NotFinished(status)
                return self.finished(way, began, len(answer.get("response") or ""), failure)
        self.finished(way, began, 0, NotFinished("out of patience"))


class StreamReader(Person):
    @task
    def read_a_stream(self):
        began = time.perf_counter()
        accepted = self.ask("/stream-chat")
        if accepted is None:
            return
        try:
            self.finished("stream", began, self.read(accepted["stream_endpoint"], began))
        except Exception as failure:
            self.finished("stream", began, 0, failure)

    def read(self, path, began):
        length = 0
        with closing(self.client.get(path, stream=True, timeout=PATIENCE, name="/stream/{id}")) as response:
            response.raise_for_status()
            name = b""
            for line in response.iter_lines(chunk_size=None):
                if time.perf_counter() - began > PATIENCE:
                    raise NotFinished("out of patience")
                if line.startswith(b"event: "):
                    name = line[len(b"event: ") :]
                elif line == b"data: [DONE]":
                    return length
                elif line.startswith(b"data: "):
                    data = json.loads(line[len(b"data: ") :])
                    if name == b"error":
                        raise NotFinished(data["code"])
                    if name == b"":
                        length += len(data["token"])
                elif line == b"":
                    name = b""
        raise NotFinished("the stream ended without its end")


class Returner(Person):
    @task
    def come_back_for_it(self):
        began = time.perf_counter()
        accepted = self.ask("/async-chat")
        if accepted is not None:
            self.look_until_it_is_there("async", began, accepted["correlation_id"])


class Waiter(Person):
    @task
    def wait_for_it(self):
        began = time.perf_counter()
        answer = self.ask("/chat")
        if answer is None:
            return
        if answer.get("status") == "processing":
            self.look_until_it_is_there("sync", began, answer["correlation_id"])
        else:
            self.finished("sync", began, len(answer["response"]))


def error_code(response):
    try:
        return response.json()["error"]["code"]
    except Exception:
        return "without a code"
