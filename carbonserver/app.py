# SPDX-License-Identifier: Apache-2.0
"""The server as one ASGI app: our own routes first, pygeoapi's app behind them, and what is around every request."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp

from carbongrid.errors import CarbongridError
from carbonserver import compat, viewer_routes
from carbonserver.errors import domain_error, http_exception
from carbonserver.host import Host, PinState
from carbonserver.items import Items
from carbonserver.kept import Kept
from carbonserver.maps import Maps
from carbonserver.matrix_sets import MatrixSets
from carbonserver.middleware import BodyLimit, Cors, RequestId
from carbonserver.pages import Pages
from carbonserver.process_pages import ProcessPages
from carbonserver.resource import Revalidated
from carbonserver.settings import Settings
from carbonserver.tiles import Tiles
from carbonserver.warm import lifespan
from carbonserver.wmts import Wmts
from carbonstore.releases.catalogue import Catalogue
from processes.jobs.callbacks import Allowed
from processes.jobs.service import Service
from processes.web import routes as process_routes


def create_app(settings: Settings) -> ASGIApp:
    """Everything that is published below ``settings.data``, served under ``settings.url``.

    Several apps can live in one process: nothing is global but pygeoapi's module, and each request brings its own API.
    """
    catalogue = Catalogue(settings.data)
    rest = Revalidated(Router(compat.starlette_app().APP.routes), settings.url)
    app = Starlette(
        routes=_routes(settings, catalogue, rest),
        lifespan=lifespan(catalogue),
        exception_handlers={HTTPException: http_exception, CarbongridError: domain_error},
        middleware=[
            Middleware(RequestId),
            Middleware(Cors),
            Middleware(BodyLimit),
            Middleware(PinState, host=Host(settings, catalogue)),
        ],
    )
    return Kept(app, catalogue, settings.tile_cache)


def _routes(settings: Settings, catalogue: Catalogue, rest: ASGIApp) -> list[BaseRoute]:
    """Ours before pygeoapi's: its patterns are greedy."""
    maps = Maps(settings.url)
    return [
        *viewer_routes.routes(settings, catalogue),
        *process_routes.routes(catalogue, settings.url, ProcessPages(), _jobs(settings)),
        *Items(settings.url, rest).routes(),
        *Tiles(settings.url).routes(),
        *maps.routes(),
        *Wmts(settings.url, maps).routes(),
        *MatrixSets(settings.url, rest).routes(),
        *Pages(settings.url, rest, public_jobs=settings.public_jobs).routes(),
        Mount("/", rest),
    ]


def _jobs(settings: Settings) -> Service:
    return Service(settings.data, settings.public_jobs, callbacks=Allowed.from_env())
