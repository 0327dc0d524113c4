"""JSON text in few bytes: deflate with a dictionary of the words that decisions are made of.

The first byte says how the rest is written, so that a later dictionary does not make older rows unreadable.
"""

from __future__ import annotations

import zlib

PLAIN, FIRST = 0, 1
"""How a packed text begins: as it is, or deflated with the first dictionary."""
# A small window is enough for a few kilobytes, and setting up a large one takes longer than the work itself.
WINDOW, MEMORY = -12, 5
# Never change it: what is stored was written with it. The commonest words stand last.
WORDS = (
    b'"reason":"nothing available"},"reason":"switched off"},"rejected: ","short: ","excluded":[[0,"","forbidden":'
    b'[[0,0,"","capacity":[[0,"","load":[[0,0.,"ladders":[[0,0,[["","services":[[0,[{"code":"","shipment":,"late":0.'
    b'"kilogram":,"carbon_g":,"instead":null,"service":null,"terms":{"shipment":,"way":,"rate":,"carbon":,"late":,'
    b'"load":,"tier":,"carriage":,"carbon_unit":,"handling":},"chosen":false,"reason":"costs more or gives less"},'
    b'{"node":"","lines":1,"shipment":,"handling":,"km":,"chosen":true,"reason":"chosen"},{"node":"","lines":2,'
    b'"partial":true,"order":{"type":"b2c","connection":"","value":"","currency":"EUR","tags":[],"service":"standard"'
    b'}}"to":["DE",null,null],"stock":[[[0,"],[1,"],[2,"],[3,"],[4,"]],[[0,""items":["{"lines":[["'
)


class Corrupt(ValueError):
    """A packed text cannot be read: some of its bytes were altered."""


def pack(plain: bytes) -> bytes:
    """Return a text in its packed form."""
    packer = zlib.compressobj(6, zlib.DEFLATED, WINDOW, MEMORY, zlib.Z_DEFAULT_STRATEGY, WORDS)
    return bytes((FIRST,)) + packer.compress(plain) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """Return the text behind its packed form.

    Raises:
        Corrupt: the bytes are no packed text.
    """
    if packed[:1] == bytes((PLAIN,)):
        return packed[1:]
    if packed[:1] != bytes((FIRST,)):
        raise Corrupt("its first byte names no known way of writing")
    reader = zlib.decompressobj(WINDOW, WORDS)
    try:
        plain = reader.decompress(packed[1:]) + reader.flush()
    except zlib.error as error:
        raise Corrupt(str(error)) from None
    if not reader.eof or reader.unused_data:
        raise Corrupt("it ends too early or too late")
    return plain
