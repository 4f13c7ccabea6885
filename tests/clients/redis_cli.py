"""redis-cli on a terminal: one argument, the port. A wrong answer ends with exit code 1."""

import os
import pty
import re
import select
import sys
import time

PORT = sys.argv[1]

DIALOGUE = (
    ("SET greeting 'hello world'", "OK"),
    ("GET greeting", '"hello world"'),
    ("GET nothing", "(nil)"),
    ("RPUSHX", "(error) ERR"),
    ("LPUSH l c b a", "(integer) 3"),
    ("LRANGE l 0 -1", '1) "a"\n2) "b"\n3) "c"'),
    ("SELECT 1", "OK"),
    ("DBSIZE", "(integer) 0"),
    ("SELECT 0", "OK"),
    ("MULTI", "OK"),
    ("INCR n", "QUEUED"),
    ("EXEC", "1) (integer) 1"),
    ("HSET h f v", "(integer) 1"),
    ("HELLO 3", '"proto" => (integer) 3'),
    ("HGETALL h", '1# "f" => "v"'),
    ('SET bin "\\x00\\xff"', "OK"),
    ("GET bin", '"\\x00\\xff"'),
)


def main():
    pid, terminal = pty.fork()
    if pid == 0:
        environment = dict(os.environ, TERM="dumb", REDISCLI_HISTFILE="/dev/null", COLUMNS="200")
        os.execvpe("redis-cli", ["redis-cli", "-p", PORT], environment)
    seen = ""

    def until(wanted):
        nonlocal seen
        end = time.monotonic() + 20
        while wanted not in seen:
            assert time.monotonic() < end, f"no {wanted!r} in {seen!r}"
            if select.select([terminal], [], [], 0.1)[0]:
                text = os.read(terminal, 65536).decode(errors="replace")
                seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")
        seen = seen[seen.index(wanted) + len(wanted) :]

    until("> ")
    for line, answer in DIALOGUE:
        os.write(terminal, line.encode() + b"\n")
        until(answer)
        until("> ")
    os.write(terminal, b"quit\n")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status


main()
print("all good")
