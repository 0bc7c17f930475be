"""MLflow's server with a start page that remembers our views; `hemosweep ui` runs it as a process of its own.

MLflow 3.17 forgets three things, which a script in its start page makes up for:

- After F5 a saved view has lost columns, groups and charts: MLflow then finds sorting and filter in the address, and
  does not open the view again. They are taken out of the address before MLflow reads it.
- A run's address without a workflow type opens the page for language models, if the browser has seen no other.
- In a new browser the assistant opens its pane.

MLflow's own page is served where it is not as expected. What the browser is told by an address or by its user counts.
`mlflow server` is not called: it loads all of MLflow twice, once to start a second process.
"""

import argparse
import os
from pathlib import Path

import mlflow
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

_HEAD = "<head>"
SCRIPT = """<script>
(function () {
  function preset(key, value) {
    try {
      if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(value));
    } catch (error) {}
  }
  preset("mlflow.workflowType_v1", "machine_learning");
  preset("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", true);
  var parts = location.hash.split("?"), query = new URLSearchParams(parts[1] || "");
  if (query.has("viewStateShareKey")) {
    ["searchFilter", "orderByKey", "orderByAsc", "startTime", "lifecycleFilter", "modelVersionFilter",
     "datasetsFilter", "isPreview"].forEach(function (name) { query.delete(name); });
    history.replaceState(history.state, "", parts[0] + "?" + query);
  }
})();
</script>"""


def serve(store: str, artifacts: str, host: str, port: int) -> None:
    """Show a store until SIGTERM.

    Args:
        store: address of its database.
        artifacts: address of the folder of its artifacts.
    """
    from mlflow.server import constants

    # MLflow reads these while it is imported.
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: store,
        constants.REGISTRY_STORE_URI_ENV_VAR: store,
        constants.ARTIFACT_ROOT_ENV_VAR: artifacts,
    }
    import uvicorn
    from mlflow.server.fastapi_app import app

    page = _start_page()
    if page is not None:
        # Before the rest, which ends with a route for everything.
        app.router.routes.insert(0, page)
    uvicorn.run(app, host=host, port=port, log_level="warning")


def _start_page() -> Route | None:
    """The route of MLflow's page with our script; None where the page is not as expected."""
    path = Path(mlflow.__file__).parent / "server" / "js" / "build" / "index.html"
    content = path.read_text(encoding="utf-8") if path.is_file() else ""
    if _HEAD not in content:
        return None
    page = HTMLResponse(content.replace(_HEAD, _HEAD + SCRIPT, 1), headers={"Cache-Control": "no-cache"})

    async def start_page(request: Request) -> HTMLResponse:
        return page

    return Route("/", start_page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--store", "--artifacts", "--host"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    serve(**vars(parser.parse_args()))
