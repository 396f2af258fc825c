"""The few pages of the front door: home, the API's documentation (offline), what each problem means, and
where a buyer lands after paying.
"""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from api import problem
from api.deps import OPEN
from domain import refusal
from domain.refusal import Unknown

WEB = Path(__file__).parent.parent / "web"

_SCRIPTS = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
_PAGE = f"{_SCRIPTS}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# A page with a form, which is sent to us and nobody else.
_FORM = f"{_SCRIPTS}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

# Not strict about the query: a payment provider adds its own parameters to the address of return.
router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse, dependencies=[OPEN])
templates = Jinja2Templates(WEB / "templates")


@router.get("/")
async def home(request: Request) -> Response:
    """Show what is here."""
    return _page(request, "home.html")


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Show the API's documentation, from our own files alone."""
    return _page(request, "docs.html")


@router.get("/return")
async def back(request: Request) -> Response:
    """Tell a buyer who comes back from paying what happens now: a return is a hint, never a fact."""
    return _page(request, "return.html")


@router.get("/problems")
async def problems(request: Request) -> Response:
    """List every problem the API knows."""
    return _page(request, "problems.html", problems=_explained(), many=True)


@router.get("/problems/{code}")
async def one_problem(request: Request, code: str) -> Response:
    """Explain one problem: what the `type` of a problem document points at."""
    found = [line for line in _explained() if line["code"] == code]
    if not found:
        raise Unknown
    return _page(request, "problems.html", problems=found, many=False)


def shown(request: Request, name: str, *, status: int = 200, **values: object) -> Response:
    """Show a page that is one person's: nobody keeps a copy, and its form goes nowhere but to us."""
    headers = {
        "Content-Security-Policy": _FORM,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return templates.TemplateResponse(request, name, values, status_code=status, headers=headers)


def _page(request: Request, name: str, **values: object) -> Response:
    return templates.TemplateResponse(
        request,
        name,
        values,
        headers={"Content-Security-Policy": _PAGE, "Cache-Control": "public, max-age=60"},
    )


def _explained() -> list[dict[str, str | int]]:
    meanings = {refusal.code(kind): problem.meaning(kind) for kind in problem.REFUSALS}
    return [
        {
            "code": code,
            "status": status,
            "title": title,
            "meaning": " ".join(meanings.get(code, "").replace("Raised w", "W").replace("`", "").split()),
        }
        for code, (status, title) in sorted(problem.kinds().items())
    ]
