"""A client of the Python SDK: uses the server at a URL in each era, and prints what came of it."""
import asyncio
import json
import sys

import httpx2
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client

url, key = sys.argv[1:]


async def elicited(context, params):
    return types.ElicitResult(action='accept', content={'name': 'Ada'})


async def speak(mode: str) -> dict:
    progress = []

    async def progressed(done, total, message):
        progress.append(done)

    http = httpx2.AsyncClient(headers={'authorization': f'Bearer {key}'}, timeout=60)
    transport = streamable_http_client(url, http_client=http)
    async with Client(transport, mode=mode, elicitation_callback=elicited) as client:
        tools = await client.list_tools()
        added = await client.call_tool('add', {'a': 1, 'b': 2})
        told = await client.call_tool('test_tool_with_progress', {}, progress_callback=progressed)
        greeted = await client.call_tool('test_input_required_result_elicitation', {})
        read = await client.read_resource('test://template/7/data')
        prompt = await client.get_prompt('test_prompt_with_arguments', {'arg1': 'a', 'arg2': 'b'})
        return {
            'version': client.protocol_version,
            'tools': 'add' in [tool.name for tool in tools.tools],
            'added': added.content[0].text,
            'told': told.content[0].text,
            'progress': progress,
            'greeted': greeted.content[0].text,
            'read': json.loads(read.contents[0].text)['id'],
            'prompt': prompt.messages[0].content.text,
        }


async def main() -> None:
    print(json.dumps({mode: await speak(mode) for mode in ('legacy', '2026-07-28')}))


asyncio.run(main())
