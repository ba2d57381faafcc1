"""OpenAI's official client for Python, unchanged: each function is one scenario, told as JSON, one a line."""

import json
import os
import sys
import threading
import traceback

import openai
from openai import OpenAI

BASE = os.environ["BASE_URL"]
MODEL = os.environ["MODEL"]
client = OpenAI(api_key=os.environ["API_KEY"], base_url=BASE, max_retries=0)


def ask(content, **more):
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}], **more)


def whole():
    answer = ask("say Paris|, of course.")
    assert answer.choices[0].message.content == "Paris, of course.", answer
    assert answer.usage.completion_tokens == 2, answer.usage


def streamed():
    text, usage = "", None
    for chunk in ask("say one |two", stream=True, stream_options={"include_usage": True}):
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        usage = chunk.usage or usage
    assert text == "one two", text
    assert usage.completion_tokens == 2, usage


def left():
    stream = ask("say a|b|c", stream=True)
    next(iter(stream))
    stream.close()


def tools():
    described = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
    message = ask('call weather {"city":"Ulm"}', tools=described).choices[0].message
    assert message.tool_calls[0].function.arguments == '{"city":"Ulm"}', message
    with client.chat.completions.stream(
        model=MODEL, messages=[{"role": "user", "content": 'call weather {"city":"Ulm"}'}], tools=described
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "weather", final


def schema():
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True}}
    assert json.loads(ask('say {"ok":|true}', response_format=form).choices[0].message.content) == {"ok": True}


def stored():
    first = ask("say one", user="python", store=True)
    ask("say two", user="python", store=True, metadata=first.metadata)
    assert first.metadata == {"conversation_id": "1"}, first


def errors():
    for expected, call in [
        (openai.AuthenticationError, lambda: OpenAI(api_key="nobody", base_url=BASE, max_retries=0).models.list()),
        (openai.NotFoundError, lambda: client.chat.completions.create(model="gpt-unknown", messages=[{"role": "user", "content": "x"}])),
        (openai.BadRequestError, lambda: ask("x", n=2)),
        (openai.BadRequestError, lambda: ask("x " * 20_000)),
        (openai.BadRequestError, lambda: list(ask("fail", stream=True))),
    ]:
        try:
            call()
        except expected as error:
            assert error.code and error.type, error.body
        else:
            raise AssertionError(f"{expected.__name__} was not raised")


def broken():
    text = ""
    try:
        for chunk in ask("say a|b|!", stream=True):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        assert text == "ab" and error.code == "request_refused", (text, error.code)
    else:
        raise AssertionError("a stream that broke off ended in silence")


def limited():
    here = OpenAI(api_key=os.environ["OTHER_KEY"], base_url=os.environ["LIMITED_URL"], max_retries=0)
    here.completions.create(model=MODEL, prompt="say x")
    try:
        here.completions.create(model=MODEL, prompt="say x")
    except openai.RateLimitError as error:
        assert int(error.response.headers["retry-after"]) > 0, error.response.headers
    else:
        raise AssertionError("nothing was limited")


def retried():
    again = OpenAI(api_key=os.environ["API_KEY"], base_url=os.environ["AWAY_AT_FIRST_URL"], max_retries=2)
    assert again.completions.create(model=MODEL, prompt="say again").choices[0].text == "again"


def at_once():
    answers = [None] * 8
    def one(index):
        answers[index] = ask(f"say {index}").choices[0].message.content
    threads = [threading.Thread(target=one, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [str(index) for index in range(8)], answers


def models():
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL


def responses():
    answer = client.responses.create(model=MODEL, input="say one| two")
    assert answer.output_text == "one two", answer
    kinds, text = [], ""
    for event in client.responses.create(model=MODEL, input="say one| two", stream=True):
        kinds.append(event.type)
        text += event.delta if event.type == "response.output_text.delta" else ""
    assert text == "one two" and kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
    first = client.responses.create(model=MODEL, input="say one", user="chained", store=True)
    second = client.responses.create(model=MODEL, input="say two", user="chained", store=True, previous_response_id=first.id)
    assert client.responses.retrieve(second.id).output_text == "two"


def embeddings():
    here = OpenAI(api_key=os.environ["API_KEY"], base_url=os.environ["EMBEDDING_URL"], max_retries=0)
    made = here.embeddings.create(model="fake", input=["sea", "wind"])
    assert len(made.data) == 2 and len(made.data[0].embedding) == 3, made


for scenario in [whole, streamed, left, tools, schema, stored, errors, broken, limited, retried, at_once, models, responses, embeddings]:
    try:
        scenario()
        problem = None
    except BaseException:
        problem = traceback.format_exc()
    print(json.dumps({"scenario": scenario.__name__, "problem": problem}))
    sys.stdout.flush()
