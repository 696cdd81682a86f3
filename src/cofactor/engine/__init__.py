"""How blocks are run: one fixed reduction, however many workers."""

from cofactor.engine.base import Additive, Engine
from cofactor.engine.serial import SerialEngine
from cofactor.engine.threads import ThreadEngine, engine_for

__all__ = ["Additive", "Engine", "SerialEngine", "ThreadEngine", "engine_for"]
