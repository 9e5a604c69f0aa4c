"""Dovecot's LMTP server, from Debian, in its root: a place to deliver to."""

from .root import VMAIL, Root, free_ports


CONFIG = """protocols = lmtp
base_dir = /run/dovecot
log_path = /var/log/dovecot.log
ssl = yes
ssl_cert = </etc/ssl/cert.pem
ssl_key = </etc/ssl/key.pem
ssl_dh =
mail_location = maildir:/var/vmail/%n
mail_uid = {vmail}
mail_gid = {vmail}
first_valid_uid = 1
recipient_delimiter = +
auth_mechanisms = plain
auth_username_format = %n
default_login_user = dovenull
default_internal_user = dovecot
hostname = mx.theirs.test
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = passwd-file
  args = /etc/dovecot-users
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    name, title = "dovecot", "Dovecot"
    routes = []

    def __init__(self, pki):
        self.root = Root(self.name)
        self.pki = pki
        self.ports = {"lmtp": free_ports(1)[0]}

    def start(self, targets, password):
        root = self.root
        root.write("etc/dovecot/dovecot.conf", CONFIG.format(vmail=VMAIL, **self.ports))
        root.write("etc/dovecot-users", f"u::{VMAIL}:{VMAIL}::/var/vmail/u\n")
        self.pki.into(root)
        root.folder("run/dovecot", fresh=True)
        root.folder("var/lib/dovecot")
        (root.path / "var/log/dovecot.log").unlink(missing_ok=True)
        root.start("/usr/sbin/dovecot", "-F")
        root.wait_for(self.ports["lmtp"])

    mailbox = "var/vmail/u"
    utf8 = dsn = False
    bdat = True
    mechanisms = ()
    we_use = ("LMTP", "PIPELINING", "BODY=8BITMIME", "BDAT", "DATA", "STARTTLS")
