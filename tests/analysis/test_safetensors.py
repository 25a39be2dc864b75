# SPDX-License-Identifier: BSD-3-Clause
"""analysis/safetensors_file.py and exact_json.py: headers by hand, at every cut and flip, beyond 32
bits."""
import os
import struct
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "analysis"))
import exact_json  # pylint: disable=wrong-import-position
import safetensors_file as st  # pylint: disable=wrong-import-position
from kcap_files import FileError  # pylint: disable=wrong-import-position


def framed(header):
    raw = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(raw)) + raw


def parse(header, data):
    raw = framed(header)
    return st.parse_header("x.safetensors", raw, len(raw) + data)


class Headers(unittest.TestCase):
    def test_taken_apart(self):
        tensors, texts = parse('{"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},'
                               '"__metadata__":{"format":"pt","k":"v"},'
                               '"a":{"data_offsets":[0,4],"shape":[],"dtype":"F32"},'
                               '"c":{"dtype":"BOOL","shape":[3,1],"data_offsets":[28,31]},'
                               '"no":{"dtype":"F32","shape":[0,5],"data_offsets":[31,31]}}  ', 31)
        self.assertEqual(texts, {"format": "pt", "k": "v"})
        self.assertEqual({name: (t.dtype, t.shape, t.bytes) for name, t in tensors.items()},
                         {"a": ("F32", (), 4), "b": ("F32", (2, 3), 24), "c": ("BOOL", (3, 1), 3),
                          "no": ("F32", (0, 5), 0)})
        self.assertEqual(tensors["b"].at - tensors["a"].at, 4)
        self.assertEqual(parse("{}", 0), ({}, {}))

    def test_large_numbers(self):
        """What files of a few bytes cannot hold; the other errors are those of
        test_hf_damaged.py."""
        for shape, offsets, said, data in (
                ("[3000000000,3000000000]", "[0,36000000000000000000]", "data_offsets", 64),
                ("[4611686018427387904,4]", "[0,0]", "shape", 0),
                ("[4294967296,4294967296]", "[0,0]", "overflows", 0),
                ("[2147483648,2147483648]", "[0,0]", "overflow", 0),
                ("[9007199254740991,9007199254740991,0]", "[0,0]", "overflow", 0),
                ("[1073741824]", "[0,4294967292]", "its shape needs 4294967296", 4294967292),
                ("[1]", "[0,4294967300]", "hold 4294967300 bytes", 4294967300),
                ("[1]", "[4294967296,4294967300]", "begins at byte 4294967296", 4294967300),
                ("[9007199254740992,0]", "[0,0]", "2\\^53 - 1", 0),
                ("[0,9007199254740991]", "[0,0]", None, 0),
                ("[1073741824,5]", "[0,21474836480]", None, 21474836480)):
            header = f'{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}'
            if said:
                with self.assertRaisesRegex(FileError, said):
                    parse(header, data)
            else:
                parse(header, data)

    def test_every_cut_and_flip(self):
        """An error or a header that is whole, and never anything else."""
        raw = framed('{"__metadata__":{"k":"v\\u00e9"},'
                     '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
                     '"b":{"dtype":"F32","shape":[1,1],"data_offsets":[8,12]}}')
        refused = 0
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x")
            for at in range(len(raw)):
                for bit in range(9):
                    copy = bytearray(raw if bit < 8 else raw[:at])
                    if bit < 8:
                        copy[at] ^= 1 << bit
                    with open(path, "wb") as file:
                        file.write(copy + bytes(12))
                    try:
                        st.read_header(path)
                    except FileError as e:
                        self.assertNotIn("\n", str(e))
                        refused += 1
        self.assertGreater(refused, len(raw) * 9 * 6 / 10)


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="kcap_st_")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "x")

    def test_reads_what_it_wrote(self):
        chance = np.random.default_rng(1)
        tensors = {"z": (3, 70001), '"\\\u00e9\n': (5,), "a": (1, 1, 2), "none": (0, 3), "one": ()}
        values = {name: chance.integers(2 ** 32, size=shape, dtype="u4").view("f4")
                  for name, shape in tensors.items()}
        parts = [part for x in values.values() for part in np.array_split(x.reshape(-1), 2)]
        st.write(self.path, tensors, {"format": "pt"}, parts)
        found, texts = st.read_header(self.path)
        self.assertEqual((list(found), texts), (list(tensors), {"format": "pt"}))
        self.assertEqual(found["z"].at % 8, 0)
        for name, x in values.items():
            self.assertEqual(found[name].shape, x.shape)
            self.assertEqual(st.values(found[name], 0, x.size).tobytes(), x.tobytes())
        self.assertEqual(st.values(found["z"], 70000, 5).tobytes(),
                         values["z"].reshape(-1)[70000:70005].tobytes())
        with self.assertRaises(FileExistsError):
            st.write(self.path, tensors, {}, parts)
        os.truncate(self.path, found["z"].at + 100)
        with self.assertRaisesRegex(OSError, "ends after"):
            st.values(found["z"], 0, 3 * 70001)

    def test_beyond_32_bits(self):
        """A sparse file of five gibibytes and a little."""
        far = 5 << 30
        raw = framed(f'{{"b":{{"dtype":"F32","shape":[2],"data_offsets":[{far},{far + 8}]}},'
                     f'"a":{{"dtype":"F32","shape":[5,268435456],"data_offsets":[0,{far}]}}}}')
        with open(self.path, "wb") as file:
            file.write(raw)
            file.seek(len(raw) + far)
            file.write(np.array([1.5, -2], "<f4").tobytes())
        tensors = st.read_header(self.path)[0]
        self.assertEqual(st.values(tensors["b"], 0, 2).tolist(), [1.5, -2])
        self.assertEqual(st.values(tensors["a"], (far >> 2) - 1, 1).tolist(), [0])

    def test_narrow_values(self):
        """All that 16 bits can say, not-a-numbers with their bits included."""
        every = np.arange(65536, dtype="<u2")
        for dtype, right in (("BF16", every.astype("<u4") << 16), ("F16", None)):
            with open(self.path, "wb") as file:
                file.write(framed(f'{{"a":{{"dtype":"{dtype}","shape":[65536],'
                                  '"data_offsets":[0,131072]}}') + every.tobytes())
            found = st.values(st.read_header(self.path)[0]["a"], 0, 65536)
            if dtype == "F16":  # sign, exponent and mantissa taken apart
                s, e, m = every >> 15, (every >> 10 & 31).astype(int), (every & 1023).astype(float)
                size = np.where(e == 0, m * 2.0 ** -24, (1024 + m) * 2.0 ** (e - 25.0))
                finite = e < 31
                self.assertTrue((found[finite] == np.where(s, -size, size)[finite]).all())
                infinite = np.where(s, 0xFF800000, 0x7F800000).astype("<u4")
                infinite |= (every & 1023).astype("<u4") << 13
                self.assertTrue((found.view("<u4")[~finite] == infinite[~finite]).all())
            else:
                self.assertEqual(found.tobytes(), right.astype("<u4").tobytes())

    def test_headers_that_others_would_refuse(self):
        for shapes, texts, said in (({"a\udcff": (1,)}, {}, "UTF-8"),
                                    ({"a": (1,)}, {"k": "x" * 10 ** 8}, "100,000,000")):
            with self.assertRaisesRegex(FileError, said):
                st.write(self.path, shapes, texts, [np.zeros(1, "<f4")])
            self.assertFalse(os.path.exists(self.path))


class Json(unittest.TestCase):
    def test_utf8(self):
        """RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF."""
        for text, good in ((b"", 1), (b"a\x7f", 1), (b"\xc3\xa9", 1), (b"\xe2\x82\xac", 1),
                           (b"\xf0\x9f\x98\x80", 1), (b"\xf4\x8f\xbf\xbf", 1), (b"a\x80", 0),
                           (b"\xc0\x80", 0), (b"\xc1\xbf", 0), (b"\xe0\x9f\xbf", 0),
                           (b"\xed\xa0\x80", 0), (b"\xf0\x8f\xbf\xbf", 0),
                           (b"\xf4\x90\x80\x80", 0), (b"\xf5\x80\x80\x80", 0),
                           (b"ab\xe2\x82", 0), (b"\xe2\x28\xa1", 0)):
            raw = framed(b'{"__metadata__":{"k":"' + text + b'"}}')
            if good:
                st.parse_header("x", raw, len(raw))
            else:
                with self.assertRaisesRegex(FileError, "UTF-8"):
                    st.parse_header("x", raw, len(raw))

    def test_members(self):
        for text, twice in (('{}', None), ('{"a":1,"A":1,"aa":{"a":1}}', None),
                            ('{"b":1,"a":1,"\\u0062":2}', "b")):
            self.assertEqual(exact_json.parse(text)[0].twice, twice)
        for text in ("", "[", "nul", '{"a":Infinity}', '{"a":-Infinity}', '{"\\udc00":1}',
                     '["\\ud800\\ud800"]'):
            with self.assertRaises(ValueError):
                exact_json.parse(text)
        self.assertEqual(exact_json.parse('["\\ud83d\\ude00"] x'), (["\U0001f600"], " x"))

    def test_whole(self):
        for x, n in ((-1, None), (1.5, None), (2 ** 53, None), (2 ** 53 - 1, 2 ** 53 - 1), (0, 0),
                     (4.0, 4),
                     (True, None), ("1", None), (None, None), (1e300, None)):
            self.assertEqual(exact_json.whole(x), n)


if __name__ == "__main__":
    unittest.main()
