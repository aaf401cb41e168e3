"""A client of the Python SDK: speaks with the agent `obedient` of a mesh over each binding, and prints what came of it."""
import asyncio
import json
import sys

import grpc
import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.client import ClientCallContext
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    TaskState,
)

mesh, key = sys.argv[1:]
context = ClientCallContext(service_parameters={'authorization': f'Bearer {key}'})
sent = 0


def request(text: str) -> SendMessageRequest:
    global sent
    sent += 1
    message = Message(message_id=f'python-{sent}', role=Role.ROLE_USER, parts=[Part(text=text)])
    return SendMessageRequest(message=message)


async def last(stream):
    """The task, or the message, after all that was said of it."""
    result = None
    async for update in stream:
        kind = update.WhichOneof('payload')
        result = getattr(update, kind)
    return result


def text(parts) -> str:
    return ''.join(part.text for part in parts)


def in_short(update) -> str:
    kind = update.WhichOneof('payload')
    if kind == 'artifact_update':
        return text(update.artifact_update.artifact.parts)
    return TaskState.Name(getattr(update, kind).status.state)


async def speak(card, binding: str) -> dict:
    base = {
        'supported_protocol_bindings': [binding],
        'grpc_channel_factory': grpc.aio.insecure_channel,
        'httpx_client': httpx.AsyncClient(timeout=60),
    }
    blocking = ClientFactory(ClientConfig(streaming=False, **base)).create(card)
    streaming = ClientFactory(ClientConfig(streaming=True, **base)).create(card)
    task = await last(blocking.send_message(request('WORKING one COMPLETED'), context=context))
    message = await last(blocking.send_message(request('say hello'), context=context))
    updates = [u async for u in streaming.send_message(request('count:3:1 COMPLETED'), context=context)]
    asked = await last(blocking.send_message(request('INPUT_REQUIRED'), context=context))
    listed = await blocking.list_tasks(ListTasksRequest(context_id=asked.context_id), context=context)
    cancelled = await blocking.cancel_task(CancelTaskRequest(id=asked.id), context=context)
    try:
        await blocking.get_task(GetTaskRequest(id='nothing'), context=context)
        stranger = False
    except Exception as error:
        stranger = 'not found' in str(error).lower()
    return {
        'sent': TaskState.Name(task.status.state),
        'message': text(message.parts),
        'streamed': [in_short(update) for update in updates[1:]],
        'listed': [one.id for one in listed.tasks] == [asked.id],
        'cancelled': TaskState.Name(cancelled.status.state),
        'stranger': stranger,
    }


async def main() -> None:
    async with httpx.AsyncClient() as http:
        card = await A2ACardResolver(http, f'{mesh}/a2a/obedient').get_agent_card()
    print(json.dumps({binding: await speak(card, binding) for binding in ('JSONRPC', 'HTTP+JSON', 'GRPC')}))


asyncio.run(main())
