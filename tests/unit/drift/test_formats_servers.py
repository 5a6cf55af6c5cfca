# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx and HAProxy: lines by the path of their blocks."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats import haproxy, nginx

NGINX = r"""
user www-data; # x
http {
  include mime.types;
  map $http_x_api_key $ok { default 0; "abc" 1; }
  server { listen 80; server_name a.org b.org; return 301 https://$host$request_uri; }
  server {
    listen [::]:443 ssl; server_name a.org;
    location / { proxy_pass http://up; add_header X-A "b; c" always; allow 10.0.0.0/8; allow 10.1.0.0/16; deny all; }
    location ~ \.php$ { content_by_lua_block { local x = {} ngx.say("}") -- }
      ngx.say('{') } gzip ${on}; if ($a = b) { return 403; } }
  }
  server { listen 80; server_name a.org; }
  upstream up { server 127.0.0.1:80 weight=2; server 127.0.0.1:81; }
}
"""

HAPROXY = r"""
global
    stats socket /run/x level admin # c
defaults http
    timeout client 30s
    no option httplog
frontend web from http
    bind *:80
    bind :443 ssl crt "/a b"
    acl x path /a
    acl x path /b\ c
    http-request deny if x
    http-request set-header X-A 1
    default_backend c
userlist l
    user bob insecure-password hunter2
"""


def test_nginx() -> None:
    first, second = "http.server[a.org:80]", "http.server[a.org:443]"
    values = nginx.parse(NGINX)
    code = values.pop(f"{second}.location[~ \\.php$].content_by_lua_block")
    assert code.startswith("local x")
    assert code.endswith("ngx.say('{')")
    assert values == {
        "user": "www-data",
        "http.include[mime.types]": "",
        "http.map[$http_x_api_key $ok]": 'default 0\n"abc" 1',
        f"{first}.listen[80]": "",
        f"{first}.server_name": "a.org b.org",
        f"{first}.return": "301 https://$host$request_uri",
        f"{second}.listen[[::]:443]": "ssl",
        f"{second}.server_name": "a.org",
        f"{second}.location[/].proxy_pass": "http://up",
        f"{second}.location[/].add_header[X-A]": '"b; c" always',
        f"{second}.location[/].allow": "10.0.0.0/8\n10.1.0.0/16",
        f"{second}.location[/].deny": "all",
        f"{second}.location[~ \\.php$].gzip": "${on}",
        f"{second}.location[~ \\.php$].if[$a]": "($a = b)",
        f"{second}.location[~ \\.php$].if[$a].return": "403",
        f"{first}#2.listen[80]": "",
        f"{first}#2.server_name": "a.org",
        "http.upstream[up].server[127.0.0.1:80]": "weight=2",
        "http.upstream[up].server[127.0.0.1:81]": "",
    }


def test_haproxy() -> None:
    assert haproxy.parse(HAPROXY) == {
        "global": "",
        "global.stats[socket]": "/run/x level admin",
        "defaults[http]": "",
        "defaults[http].timeout[client]": "30s",
        "defaults[http].no option[httplog]": "",
        "frontend[web]": "from http",
        "frontend[web].bind[*:80]": "",
        "frontend[web].bind[:443]": 'ssl crt "/a b"',
        "frontend[web].acl[x]": "path /a\npath /b\\ c",
        "frontend[web].http-request": "deny if x\nset-header X-A 1",
        "frontend[web].default_backend": "c",
        "userlist[l]": "",
        "userlist[l].user[bob]": "insecure-password hunter2",
    }
