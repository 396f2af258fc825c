"""First answers of steps that must not be done anew, kept in the transaction of the step's effect.

A key is `<step>:<id of what it is done to>[:<n>]`: not the workflow's id, for aftercare runs again under its
own.
"""

from typing import TypeVar

from db.session import Connection
from domain.ids import TenantId
from domain.value import Value

Answer = TypeVar("Answer", bound=Value)

ANSWER = "select answer from step_answers where tenant_id = $1 and key = $2"
KEEP = "insert into step_answers (tenant_id, key, answer) values ($1, $2, $3)"


async def first_answer(
    connection: Connection, tenant_id: TenantId, key: str, kind: type[Answer]
) -> Answer | None:
    """Give the answer that was kept under the key, if the step was done before."""
    answer = await connection.fetchval(ANSWER, tenant_id, key)
    return None if answer is None else kind.model_validate(answer)


async def keep_answer(connection: Connection, tenant_id: TenantId, key: str, answer: Answer) -> Answer:
    """Keep the first answer; of two at once the second fails, and its repeat finds the first's."""
    await connection.execute(KEEP, tenant_id, key, answer.model_dump(mode="json"))
    return answer
