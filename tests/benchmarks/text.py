# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words, names and prose that compress like real ones; the same seed gives the same bytes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

FIRST_NAMES = tuple(
    (
        "Ada Aisha Alan Ana Anneliese Björn Camille Carlos Chen Dagmar Dmitri Elif Emeka Erik Fatima Françoise Giulia Grace "
        "Hanna Hiro Ingrid Ivan Jana José Jürgen Katarzyna Kofi Lars Leila Linus Łucja Maëlle Marta Mehmet Nadia Niels Noor "
        "Olga Pedro Priya Quentin Rosa Sanjay Sofia Søren Tomás Uma Viktor Wanjiru Yuki Zoë"
    ).split()
)
LAST_NAMES = tuple(
    (
        "Achterberg Andersen Bakker Becker Castillo Chaudhry Dąbrowski Delacroix Eriksson Fischer Fontaine García Goldberg "
        "Haddad Hoffmann Ivanova Jansen Johnson Kowalski Kuznetsov Lindqvist Lopez Maier Mbeki Moreau Müller Nakamura Nguyen "
        "O'Brien Okafor Olsen Papadopoulos Park Pereira Petrov Quist Ramírez Rossi Sato Schäfer Schmidt Silva Singh Suzuki "
        "Tanaka Thompson Urban Vargas Virtanen Wagner Weiß Yamamoto Zhang Zimmermann"
    ).split()
)
CITIES = tuple(
    (
        "Aarhus Amsterdam Athens Barcelona Berlin Bogotá Boston Brno Bruxelles Chennai Dakar Dublin Genève Göteborg Graz "
        "Hamburg Helsinki İzmir Kraków Kyoto Lagos Lima Lisboa Ljubljana London Lyon Madrid Malmö Melbourne México Milano "
        "München Nairobi Napoli Oslo Porto Praha Rīga Roma Rotterdam Seoul Sevilla Sydney Tallinn Toronto València Wien "
        "Zagreb Zürich"
    ).split()
)
STATUSES = ("new", "paid", "packed", "sent", "delivered", "delivered", "delivered", "returned", "cancelled")
KINDS = ("login", "logout", "view", "view", "view", "search", "basket.add", "basket.remove", "checkout", "mail.opened")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148",
    "curl/8.10.1",
)

_ONSETS = tuple("b br c ch d dr f fl g gr h j k l m n p pl pr qu r s sh sk st t th tr v w z".split())
_VOWELS = tuple("a a e e e i i o o u ai ea ie oo ou".split())
_CODAS = ("", "", "", *"n r s t l m ng nd st ck x".split())
_ENDS = "....?!;"


def vocabulary(source: random.Random, size: int) -> list[str]:
    """Different words, short ones first as in natural language."""
    words: dict[str, None] = {}
    while len(words) < size:
        syllables = 1 + min(3, int(source.expovariate(1.1) + len(words) / size))
        word = "".join(
            source.choice(_ONSETS) + source.choice(_VOWELS) + source.choice(_CODAS) for _number in range(syllables)
        )
        words[word] = None
    return list(words)


class Prose:
    """A body of prose with words as frequent as in natural language (Zipf's law), of which pieces are cut.

    megabytes: its length. Pieces that are cut within one compressor's window should seldom be the same, so it is
        far longer than such a window.
    """

    def __init__(self, seed: int, megabytes: float = 48) -> None:
        source = random.Random(seed)
        self.words: Sequence[str] = vocabulary(source, 9000)
        weights = list(itertools.accumulate(1 / (rank + 4) for rank in range(len(self.words))))
        wanted = int(megabytes * 1_000_000)
        pieces = []
        length = 0
        while length < wanted:
            sentence = source.choices(self.words, cum_weights=weights, k=source.randrange(5, 18))
            piece = " ".join(sentence).capitalize() + source.choice(_ENDS)
            pieces.append(piece)
            length += len(piece) + 1
        self.text = " ".join(pieces)
        self._length = len(self.text) - 20_000

    def cut(self, source: random.Random, characters: int) -> str:
        """A piece of some length, at most 20,000 characters, without line ends, tabs and backslashes."""
        start = int(source.random() * self._length)
        return self.text[start : start + characters]
