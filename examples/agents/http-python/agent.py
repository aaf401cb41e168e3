# An HTTP agent in Python, made with a2a-sdk alone: of the mesh it knows nothing.
#   pip install -r examples/agents/http-python/requirements.txt && PORT=4202 python examples/agents/http-python/agent.py
#   mesh.yaml, agents:  greeter: { unit: research, owner: owner@example.com, url: http://127.0.0.1:4202 }
import os

import uvicorn
from a2a.helpers import new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette

port = int(os.environ.get('PORT', '4202'))

card = AgentCard(
    name='greeter',
    description='Greets who tells it a name, and asks for one where there is none.',
    version='1.0.0',
    supported_interfaces=[
        AgentInterface(url=f'http://127.0.0.1:{port}/', protocol_binding='JSONRPC', protocol_version='1.0')
    ],
    capabilities=AgentCapabilities(streaming=True),
    default_input_modes=['text/plain'],
    default_output_modes=['text/plain'],
    skills=[AgentSkill(id='greet', name='Greet', description='Greets by name.', tags=['greeting'])],
)


class Greeter(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        name = context.get_user_input().strip()
        if not name:
            await updater.requires_input(new_text_message('What is your name?'))
            return
        await updater.start_work()
        await updater.add_artifact([new_text_part(f'Hello, {name}!')], name='greeting')
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


handler = DefaultRequestHandler(agent_executor=Greeter(), task_store=InMemoryTaskStore(), agent_card=card)
app = Starlette(routes=[*create_agent_card_routes(card), *create_jsonrpc_routes(handler, '/')])

if __name__ == '__main__':
    uvicorn.run(app, host='127.0.0.1', port=port, log_level='warning')
