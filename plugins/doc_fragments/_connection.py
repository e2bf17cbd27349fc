# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options by which a server is reached. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules include."""

    DOCUMENTATION = r"""
options:
  engine:
    description:
      - What the server is. V(mysql) stands for MySQL and MariaDB; which of them it is, is found out.
    type: str
    required: true
    choices:
      - postgresql
      - mysql
  login_host:
    description:
      - Host name or address of the server.
      - Without it the server is reached through a local socket.
    type: str
    aliases:
      - host
  login_port:
    description:
      - Port of the server; for PostgreSQL also the port in the name of its socket.
      - V(5432) for PostgreSQL and V(3306) for MySQL and MariaDB where it is not given.
    type: int
    aliases:
      - port
  login_user:
    description:
      - Name to log in with.
      - V(postgres) for PostgreSQL and V(root) for MySQL and MariaDB where it is not given.
    type: str
    aliases:
      - login
  login_password:
    description:
      - Password to log in with.
      - Without it the server must know the account of the operating system (C(peer), C(unix_socket)) or trust the connection.
      - It reaches programs by their environment or by a file in memory, never by a command line.
    type: str
  login_unix_socket:
    description:
      - For PostgreSQL the directory of the local socket, such as C(/var/run/postgresql).
      - For MySQL and MariaDB the socket itself, such as C(/run/mysqld/mysqld.sock).
      - Mutually exclusive with O(login_host).
    type: path
    aliases:
      - unix_socket
  login_os_user:
    description:
      - Account of the operating system to act as while connecting.
      - When the module runs as root, connects through a local socket and has no password, it acts as the account
        named like O(login_user), if there is one. Give the account here if its name differs.
    type: str
  login_db:
    description:
      - Database to connect to first. Only for PostgreSQL, V(postgres) where it is not given.
    type: str
  ssl_mode:
    description:
      - Whether and how TLS protects the connection, in the words of PostgreSQL's C(sslmode).
      - For MySQL and MariaDB the nearest equivalent is used.
    type: str
    choices:
      - disable
      - allow
      - prefer
      - require
      - verify-ca
      - verify-full
  ca_cert:
    description:
      - File with the certificates of the authorities that the server's certificate is checked against, in PEM format.
    type: path
    aliases:
      - ssl_ca
      - ssl_rootcert
  client_cert:
    description:
      - File with the client's certificate, in PEM format.
    type: path
    aliases:
      - ssl_cert
  client_key:
    description:
      - File with the key of the client's certificate, in PEM format.
    type: path
    aliases:
      - ssl_key
  connect_timeout:
    description:
      - How many seconds to wait for a connection.
    type: int
    default: 10
  container:
    description:
      - Name or id of the container that the server runs in, on the host that the module runs on. The server is reached from within
        the container and needs no published port.
      - The server's client programs are those in the container. O(login_unix_socket), O(login_os_user), O(login_host) and O(login_port)
        are the container's own then. Without O(login_host) its socket is used.
      - The module must run as root on Linux 5.12 or newer. Containers with accounts of their own (rootless ones) cannot be reached so.
      - Does not go with O(ca_cert), O(client_cert) and O(client_key).
    type: str
  container_engine:
    description:
      - What runs the container. It is found out where it is not given.
    type: str
    choices:
      - docker
      - podman
requirements:
  - Python 3.9 or newer on the target
  - For PostgreSQL, psycopg 3 for the Python interpreter of the target, and the client programs of the server's major version or a newer one
  - For MySQL and MariaDB, PyMySQL for the Python interpreter of the target, and the client programs of the same product
  - The program C(zstd)
"""
