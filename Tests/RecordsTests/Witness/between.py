# Stands between a PostgreSQL client and a server, with a certificate for the server's name from an authority that the client trusts:
# speaks TLS to the client, none to the server, and passes everything on. Prints its port, then serves one connection.
import socket
import ssl
import struct
import sys
import threading

certificate, key, server_port = sys.argv[1], sys.argv[2], int(sys.argv[3])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
plain, _ = listener.accept()
assert plain.recv(8) == struct.pack("!II", 8, 80877103), "no request for TLS"
plain.sendall(b"S")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
client = context.wrap_socket(plain, server_side=True)
server = socket.create_connection(("127.0.0.1", server_port))


def pump(source, sink):
    try:
        while data := source.recv(4096):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


back = threading.Thread(target=pump, args=(server, client))
back.start()
pump(client, server)
back.join()
