"""From words to an estimator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cofactor import estimators
from cofactor.cli.words import CHOICES, SETTINGS, Choice, ModelWord
from cofactor.errors import InputError

NOT_TYPED = (", or a Noise object", ", a callable or an array-like")  # but in Python


@dataclass(frozen=True)
class Plan:
    """What to fit.

    Attributes
    ----------
    model : ModelWord
    n_components : int
    settings : mapping of str to object
        By the names of the options, of which `SETTINGS` knows the parameters.
    """

    model: ModelWord
    n_components: int
    settings: Mapping[str, Any]

    @property
    def choice(self) -> Choice:
        """What the model's word stands for."""
        return CHOICES[self.model]

    def estimator(self, **others: Any) -> Any:
        """Return the estimator that is meant, unfitted.

        Parameters
        ----------
        **others
            Parameters that are no options, such as callbacks.

        Raises
        ------
        InputError
            If a setting is none of this model's.
        """
        named = {self._parameter(name): value for name, value in self.settings.items()}
        size = {self.choice.size: self.n_components}
        return _class(self.model)(**{**self.choice.defaults, **size, **named, **others})

    def _parameter(self, setting: str) -> str:
        found = parameter(self.model, setting)
        if found is None:
            having = [word for word in ModelWord if parameter(word, setting)]
            raise InputError(
                f"The model {self.model} has no --{setting}: leave it out, or fit one that has "
                f"({', '.join(having)})."
            )
        return found

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Say in the words of the command line what the estimator refuses in the body.

        Raises
        ------
        InputError
            If the body raises a ValueError.
        """
        try:
            yield
        except ValueError as error:
            raise InputError(self._in_words(str(error))) from error

    def _in_words(self, message: str) -> str:
        for words in NOT_TYPED:
            message = message.replace(words, "")
        for setting in SETTINGS:
            name = parameter(self.model, setting)
            of_estimator = f"The '{name}' parameter of {self.choice.estimator}"
            message = message.replace(of_estimator, f"--{setting} of {self.model}")
            message = re.sub(rf"\b{name}='?([\w.+-]+\w)'?", rf"--{setting} \1", message)
        return message


def parameter(model: ModelWord, setting: str) -> str | None:
    """Return the parameter of a model's estimator that a setting is, or None."""
    known = _class(model)._get_param_names()
    return next((name for name in SETTINGS[setting] if name in known), None)


def _class(model: ModelWord) -> Any:
    return getattr(estimators, CHOICES[model].estimator)
