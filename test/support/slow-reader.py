"""
Reads one stream of the API through a connection that takes as little as TCP allows: small segments and a small
receive buffer, so that what is not read waits in the server and not in the kernel. A byte a second until a line
comes on standard input; then the rest, at once. All of it goes to standard output.

Usage: slow-reader.py HOST PORT PATH KEY
"""

import select
import socket
import sys
import time

host, port, path, key = sys.argv[1:]
connection = socket.socket()
connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
if hasattr(socket, "TCP_MAXSEG"):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
connection.connect((host, int(port)))
request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n"
connection.sendall(request.encode())
while not select.select([sys.stdin], [], [], 0)[0]:
    sys.stdout.buffer.write(connection.recv(1))
    sys.stdout.buffer.flush()
    time.sleep(1)
while part := connection.recv(65536):
    sys.stdout.buffer.write(part)
sys.stdout.buffer.flush()
