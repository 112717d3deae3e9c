"""What somebody may have a model say, to get out of a page or into a terminal."""

_TITLE = "document.title='pwned'"
HOSTILE = (
    f"<script>{_TITLE}</script>",
    f"</title><script>{_TITLE}</script>",
    f"</style><script>{_TITLE}</script>",
    f"</pre></code></details></main></body><script>{_TITLE}</script>",
    f'<img src=x onerror="{_TITLE}">',
    f'<svg onload="{_TITLE}"><style>*{{display:none}}</style></svg>',
    '"><iframe srcdoc="<script>parent.document.title=1</script>"></iframe>',
    '" autofocus onfocus="alert(1)" x="',
    "<!-- <body> --><!--",
    "<![CDATA[ <b> ]]><?php x ?><!doctype x>",
    '<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">',
    '<base href="http://127.0.0.1:9/"><link rel=stylesheet href=//127.0.0.1:9/x.css><form action=//127.0.0.1:9/>',
    f"[a](javascript:{_TITLE}) [b](JaVaScRiPt:{_TITLE}) [c](java\tscript:{_TITLE}) [d](&#106;avascript:{_TITLE})",
    f"[a](data:text/html,<script>{_TITLE}</script>) <javascript:{_TITLE}> <data:text/html,x>",
    "[a]: javascript:alert(1)\n[a] ![b][a] ![c](javascript:alert(1)) ![d](data:image/svg+xml,<svg/onload=alert(1)>)",
    '[a](https://example.org "x\\" onclick=\\"alert(1)") ![a"onerror="alert(1)](https://example.org/x.png)',
    "[a](vbscript:x) [b](file:///etc/passwd) [c](//127.0.0.1:9/)",
    '```"><script>alert(1)</script>\ncode\n```\n\n```python onload=alert(1)\nx\n```\n\n```html\n<script>alert(1)</script>\n```',
    '| <script>alert(1)</script> | b |\n|:--" onclick="alert(1)|--:|\n| <b> | </td><script> |',
    "\x1b]0;title\x07\x1b[2J\x9b31m\x00\x7f\u202egnp.exe\u2066\u200f\ufeff\U000e0041",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;alert(1)&#60;/script&#62;",
    "> " * 200 + "<script>",
    "[" * 500 + "](" * 500,
    "\ud800 \u2028<script>\u2029",
)
