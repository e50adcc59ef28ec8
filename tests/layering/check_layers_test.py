#!/usr/bin/env python3
"""Gives check_layers.py trees with one thing wrong and expects to hear of it."""
import os
import tempfile
import unittest

import check_layers

GOOD = {
    "protocol/resp/a.cpp": '#include "protocol/resp/a.hpp"\n#include <vector>\n',
    "protocol/resp/a.hpp": "#pragma once\n#include <string_view>\n",
    "config/load.cpp": "#include <yaml-cpp/yaml.h>\n",
    "proxy/data/session/s.cpp": '#include "proxy/data/request/r.hpp"\n#include <boost/asio/buffer.hpp>\n',
    "proxy/data/request/r.hpp": '#include "proxy/data/cache/c.hpp"\n#include "proxy/data/fill/f.hpp"\n',
    "proxy/control/metrics/collector.cpp": "#include <prometheus/registry.h>\n",
    "proxy/control/topology/hiredis_reply.cpp": "#include <hiredis/hiredis.h>\n",
    "proxy/app.cpp": '#include "proxy/data/session/s.hpp"\n#include "proxy/control/c.hpp"\n',
    "tests/unit/protocol/resp/a_test.cpp": '#include "protocol/resp/a.hpp"\n#include <gtest/gtest.h>\n',
    "README.md": "",
}

BAD = {
    "protocol/resp/b.cpp": "#include <boost/asio/buffer.hpp>\n",
    "protocol/resp/c.cpp": "#include <sys/socket.h>\n",
    "protocol/resp/d.cpp": '#include "protocol/command/table.hpp"\n',
    "protocol/command/e.cpp": '#include "proxy/state/clock.hpp"\n',
    "config/validate.cpp": "#include <yaml-cpp/yaml.h>\n",
    "config/f.cpp": '#include "protocol/resp/a.hpp"\n',
    "proxy/state/g.cpp": "#include <sys/socket.h>\n",
    "proxy/net/h.cpp": '#include "protocol/resp/a.hpp"\n',
    "proxy/net/i.cpp": '#include "proxy/data/cache/c.hpp"\n',
    "proxy/data/cache/j.cpp": '#include "proxy/data/upstream/u.hpp"\n',
    "proxy/data/upstream/k.cpp": '#include "proxy/data/session/s.hpp"\n',
    "proxy/data/route/l.cpp": '#include "proxy/data/cache/c.hpp"\n',
    "proxy/data/fill/m.cpp": '#include "proxy/data/session/s.hpp"\n',
    "proxy/data/pubsub/n.cpp": '#include "proxy/data/upstream/pool.hpp"\n',
    "proxy/data/request/n.cpp": '#include "proxy/data/session/s.hpp"\n',
    "proxy/data/session/o.cpp": '#include "proxy/control/c.hpp"\n',
    "proxy/control/admin/p.cpp": '#include "proxy/data/cache/c.hpp"\n',
    "proxy/control/admin/q.cpp": "#include <hiredis/hiredis.h>\n",
    "proxy/control/health/r.cpp": "#include <prometheus/registry.h>\n",
    "proxy/control/health/s.cpp": "#include <spdlog/spdlog.h>\n",
    "proxy/data/session/t.cpp": "#include <yaml-cpp/yaml.h>\n",
    "proxy/data/session/u.cpp": '#include "s.hpp"\n',
    "proxy/net/v.cpp": '#include "../state/clock.hpp"\n',
    "tests/integration/w.cpp": '#include "proxy/data/cache/c.hpp"\n',
    "src/x.cpp": "#include <vector>\n",
}


def judge(files, with_readmes=True):
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            whole = os.path.join(root, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="utf-8") as source:
                source.write(content)
            if with_readmes and "/" in path:
                for folder in (os.path.dirname(whole), os.path.join(root, path.split("/")[0])):
                    open(os.path.join(folder, "README.md"), "w").close()
        return list(check_layers.offences(root))


class CheckLayers(unittest.TestCase):
    def test_good_tree_is_clean(self):
        self.assertEqual(judge(GOOD), [])

    def test_every_forbidden_include_is_found(self):
        for path, content in BAD.items():
            with self.subTest(path=path, content=content):
                found = judge({**GOOD, path: content})
                self.assertTrue(any(offence.startswith((path, path.split("/")[0] + ":"))
                                    for offence in found), found)

    def test_folder_without_readme_is_found(self):
        found = judge({"protocol/resp/a.cpp": ""}, with_readmes=False)
        self.assertEqual(found, ["protocol/resp: has sources but no README.md"])

    def test_stranger_at_the_top_is_found(self):
        self.assertEqual(judge({**GOOD, "notes.txt": ""}),
                         ["notes.txt: does not belong at the top level"])

    def test_every_offence_is_told(self):
        self.assertGreaterEqual(len(judge({**GOOD, **BAD})), len(BAD))


if __name__ == "__main__":
    unittest.main()
