"""Put the tables on standard input between the marks of a page.

    page.py FILE
"""
import sys

BEGIN, END = "<!-- results: generated, do not edit -->\n", "<!-- results: end -->"
with open(sys.argv[1], encoding="utf-8") as f:
    page = f.read()
head, rest = page.split(BEGIN)
_, tail = rest.split(END)
with open(sys.argv[1], "w", encoding="utf-8") as f:
    f.write(head + BEGIN + sys.stdin.read() + END + tail)
