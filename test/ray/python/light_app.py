"""A Ray Serve application that speaks the wire format and makes words up: scaling and back pressure without a model."""

import asyncio
import json
import os
import time
import uuid

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from ray import serve

api = FastAPI()


@serve.deployment(name="light")
@serve.ingress(api)
class Light:
    def __init__(self, token_delay_s):
        self.token_delay_s = token_delay_s

    @api.get("/v1/models")
    def models(self):
        return {"object": "list", "data": [{"id": "light", "object": "model", "max_model_len": 2048}]}

    @api.post("/v1/chat/completions")
    async def chat(self, request: Request):
        body = await request.json()
        head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": "chat.completion.chunk", "created": int(time.time())}

        def event(delta, reason=None):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return f"data: {json.dumps({**head, 'model': 'light', 'choices': [choice]})}\n\n"

        async def events():
            yield event({"role": "assistant", "content": ""})
            for index in range(body.get("max_tokens") or 16):
                await asyncio.sleep(self.token_delay_s)
                yield event({"content": f" t{index}"})
            yield event({}, "length")
            yield "data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream", headers={"x-replica": str(os.getpid())})


def build(args):
    return Light.bind(float(args["token_delay_s"]))
