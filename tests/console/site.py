"""The console on an app of its own, with the error answers it has in the hub."""

from flask import Flask

from console.web.app import create_console
from console.web.context import ConsoleServices
from webhooks import problems

USER, PASSWORD = "mira@example.com", "a long enough secret"


def site(services: ConsoleServices) -> Flask:
    """Return an app that is nothing but the console."""
    app = Flask("console", static_folder=None)
    problems.register(app)
    create_console(app, services)
    return app
