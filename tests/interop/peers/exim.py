"""Exim, from Debian (the heavy daemon), in its root."""

from .root import VMAIL, Root, free_ports

# The ways it relays to us: options of its smtp transport.
TLS = "hosts_require_tls = *\n  tls_verify_certificates = /etc/ssl/ca.pem\n  tls_verify_hosts = *\n" \
      "  tls_verify_cert_hostnames = *"  # fmt: skip
ROUTES = {
    "smtp": "hosts_avoid_tls = *",
    "starttls": TLS,
    "implicit": "protocol = smtps\n  " + TLS,
    "lmtp": "protocol = lmtp\n  hosts_avoid_tls = *",
    "lmtp-starttls": "protocol = lmtp\n  " + TLS,
    "auth-plain": "hosts_require_auth = *\n  " + TLS,
    "auth-login": "hosts_require_auth = *\n  " + TLS,
    "auth-external": "hosts_require_auth = *\n  tls_certificate = /etc/ssl/cert.pem\n"
                     "  tls_privatekey = /etc/ssl/key.pem\n  " + TLS,
    "no-chunking": "hosts_avoid_tls = *\n  hosts_try_chunking =",
    "no-pipelining": "hosts_avoid_tls = *\n  hosts_avoid_esmtp =\n  hosts_avoid_pipelining = *",
}

CONFIG = """primary_hostname = mx.theirs.test
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = {plain} : {implicit} : {submission} : {small} : {inject}
tls_on_connect_ports = {implicit}
tls_advertise_hosts = *
tls_certificate = /etc/ssl/cert.pem
tls_privatekey = /etc/ssl/key.pem
domainlist ours = {domains}
acl_smtp_rcpt = rcpt
acl_smtp_mail = mail
chunking_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
pipelining_advertise_hosts = *
accept_8bitmime = true
host_lookup =
rfc1413_hosts =
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
# Leave messages as they are.
return_path_remove = false
envelope_to_remove = false
delivery_date_remove = false
local_from_check = false
received_headers_max = 1000
message_size_limit = ${{if eq{{$received_port}}{{{small}}}{{5000}}{{20M}}}}
allow_utf8_domains = true
trusted_users = vmail
never_users =
keep_environment =
queue_run_max = 1
remote_max_parallel = 4
untrusted_set_sender = *

begin acl
mail:
  accept
rcpt:
  defer condition = ${{if and{{{{eq{{$received_port}}{{{small}}}}}{{>{{$rcpt_count}}{{3}}}}}}}}
        message = 452 4.5.3 Too many recipients
  defer local_parts = grey
        message = 450 4.2.0 Greylisted, try again later
  require condition = ${{if eq{{$received_port}}{{{submission}}}{{${{if def:authenticated_id}}}}{{true}}}}
          message = 530 5.7.0 sign in first
  accept condition = ${{if eq{{$received_port}}{{{inject}}}}}
         domains = +ours
  require domains = theirs.test
          message = 550 5.7.1 relay not permitted
  require verify = recipient
  accept

begin routers
{routers}
theirs:
  driver = accept
  domains = theirs.test
  local_parts = u : größe : report : grey
  local_part_suffix = +*
  local_part_suffix_optional
  transport = ${{if eq{{$local_part}}{{report}}{{reports}}{{maildir}}}}

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = /var/vmail/u
  user = {vmail}
  group = {vmail}
  return_path_add
  envelope_to_add
  delivery_date_add
reports:
  driver = appendfile
  maildir_format
  directory = /var/vmail/report
  user = {vmail}
  group = {vmail}
  return_path_add
  envelope_to_add
  delivery_date_add
{transports}
begin retry
* * F,1h,5m

begin authenticators
plain_here:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{u}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if eq{{$received_port}}{{{submission}}}}}
  client_condition = ${{if match{{$transport_name}}{{plain}}}}
  client_send = ^u@$domain^{password}
login_here:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{u}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
  server_advertise_condition = ${{if eq{{$received_port}}{{{submission}}}}}
  client_condition = ${{if match{{$transport_name}}{{login}}}}
  client_send = : u@$domain : {password}
scram_here:
  driver = cyrus_sasl
  public_name = SCRAM-SHA-256
  server_realm = mx.theirs.test
  server_set_id = $auth1
  server_advertise_condition = ${{if eq{{$received_port}}{{{submission}}}}}
external_there:
  driver = external
  public_name = EXTERNAL
  client_condition = ${{if match{{$transport_name}}{{external}}}}
  client_send = u@$domain
"""


class Exim:
    name, title = "exim", "Exim"
    routes = list(ROUTES)
    sendmail = ("/usr/sbin/exim4", "-i")

    def __init__(self, pki):
        self.root = Root(self.name)
        self.pki = pki
        names = ("plain", "implicit", "submission", "small", "inject")
        self.ports = dict(zip(names, free_ports(len(names))))

    def start(self, targets, password):
        root = self.root
        routers = transports = ""
        for route, (domain, port) in targets.items():
            key = route.replace("-", "_")
            routers += (f"r_{key}:\n  driver = manualroute\n  domains = {domain}\n"
                        f"  route_data = localhost::{port} byname\n  self = send\n  transport = t_{key}\n")  # fmt: skip
            transports += (f"t_{key}:\n  driver = smtp\n  message_linelength_limit = 4M\n"
                           f"  dnssec_request_domains =\n  hosts_try_fastopen =\n"
                           f"  {ROUTES[route]}\n")  # fmt: skip
        text = CONFIG.format(
            domains=" : ".join(domain for domain, _ in targets.values()), routers=routers,
            transports=transports, password=password, vmail=VMAIL, **self.ports,
        )  # fmt: skip
        root.write("etc/exim4/exim4.conf", text)
        self.pki.into(root, owner="Debian-exim")
        root.sasl("exim", "u", password)
        root.folder("var/spool/exim4", owner="Debian-exim", mode=0o750, fresh=True)
        for folder in ("db", "input", "msglog"):
            root.folder(f"var/spool/exim4/{folder}", owner="Debian-exim", mode=0o750)
        root.folder("var/log/exim4", owner="Debian-exim", fresh=True)
        root.folder("run/exim4", owner="Debian-exim")
        root.start("/usr/sbin/exim4", "-bdf", "-q5m")
        root.wait_for(self.ports["plain"])

    mailbox = "var/vmail/u"
    reports = "var/vmail/report"
    user = "u"
    utf8 = dsn = True
    bdat = True
    mechanisms = ("PLAIN", "LOGIN", "SCRAM-SHA-256")
    signed_under_tls = ("auth-plain", "auth-login", "auth-external")
    we_use = ("PIPELINING", "SIZE", "BODY=8BITMIME", "SMTPUTF8", "BDAT", "DATA", "NOTIFY", "ORCPT", "RET", "ENVID",
              "STARTTLS")  # fmt: skip
    report = (
        ("ENVID is in the report", rb"^Original-Envelope-Id: QQ 31\+4|^Original-Envelope-Id: QQ\+2031\+2B4"),
        ("ORCPT is in the report", rb"^Original-Recipient: rfc822; ?first(\+2B|\+)one@elsewhere\.test"),
        ("the report says that it was delivered", rb"^Action: (delivered|relayed)"),
        ("RET=HDRS brings the header alone", rb"^Subject: dsn(?![\s\S]*the whole text)"),
    )

    @staticmethod
    def uses(way):
        """What its client must use on this way, as far as it can be seen before TLS."""
        plain = ("SIZE", "PIPELINING", "SMTPUTF8")
        return {
            "smtp": (*plain, "BDAT"),
            "lmtp": (*plain, "BDAT", "LMTP"),
            "no-chunking": (*plain, "DATA"),
            "no-pipelining": ("SIZE", "BDAT", "SMTPUTF8"),
            "starttls": ("STARTTLS",),
            "lmtp-starttls": ("STARTTLS", "LMTP"),
        }.get(way, ())
