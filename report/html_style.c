/* SPDX-License-Identifier: MIT */
/* Style and script of the HTML report. Colours are variables with a light and a dark value each; a
 * test computes the contrast of every pair of text and ground (WCAG 2.2, 1.4.3: 4.5 to 1). The
 * policy names both by SHA-256 (Content Security Policy Level 3, section 6.7.3.3), so that nothing
 * else runs even where a text got through unescaped. */
#include "report/html_style.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/looks.h"

static const char plain_style[] =
    "\n:root{color-scheme:light "
    "dark;--ground:#ffffff;--raised:#f4f6f8;--line:#c9d1d9;--text:#1b1f24;"
    "--soft:#57606a;--link:#0550ae;--bad:#b42318;--best:#e7f1fb;--heat:#ffb347}\n"
    "@media (prefers-color-scheme:dark){:root{--ground:#15171a;--raised:#1f2329;--line:#3d444d;"
    "--text:#e6e6e6;--soft:#a8b0ba;--link:#79b8ff;--bad:#ff8a80;--best:#16324a;--heat:#8a4b00}}\n"
    "*{box-sizing:border-box}\n"
    "html{font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;background:var(--ground);"
    "color:var(--text);-webkit-text-size-adjust:100%}\n"
    "body{margin:0;padding:0 1rem 4rem}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:1.2rem 0 .4rem;overflow-wrap:anywhere}\n"
    "h2{font-size:1.2rem;margin:2.2rem 0 .6rem;padding-top:.4rem;border-top:1px solid "
    "var(--line)}\n"
    "p,li{max-width:52rem;overflow-wrap:anywhere}\n"
    "p{margin:.5rem 0}\n"
    "a{color:var(--link)}\n"
    "code{font:.92em ui-monospace,'DejaVu Sans Mono',Consolas,monospace;overflow-wrap:anywhere;"
    "unicode-bidi:isolate;white-space:pre-wrap}\n"
    ".skip{position:absolute;left:-99rem}\n"
    ".skip:focus{left:1rem;top:.5rem;background:var(--ground);padding:.3rem .6rem;z-index:9}\n"
    "nav ul{list-style:none;margin:.6rem 0;padding:0;display:flex;gap:0 1rem;overflow-x:auto}\n"
    "nav li{white-space:nowrap}\n"
    "nav a{display:inline-block;padding:.3rem 0;font-size:.9rem}\n"
    ".scroll{overflow-x:auto;margin:.8rem 0;max-width:100%}\n"
    "table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;color:var(--soft);padding:.2rem 0 .4rem;overflow-wrap:anywhere}\n"
    "th,td{padding:.3rem .55rem;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top}\n"
    "td{text-align:right;white-space:nowrap}\n"
    "td.t{text-align:left;white-space:normal;max-width:28rem;overflow-wrap:anywhere}\n"
    "thead th{vertical-align:bottom;font-weight:600;background:var(--raised)}\n"
    "th.n{text-align:right}\n"
    "tbody th{font-weight:400;min-width:8rem;max-width:18rem;overflow-wrap:break-word}\n"
    "tbody th.n{min-width:0}\n"
    "td.t code,th>button code{display:inline-block;overflow-wrap:break-word;max-width:28rem}\n"
    "th>button code{max-width:12rem;text-decoration:inherit}\n"
    "thead th.n>code{writing-mode:vertical-rl;transform:rotate(180deg);max-height:14rem;"
    "line-height:1.2}\n"
    "tbody th code{overflow-wrap:break-word}\n"
    ".scroll>table tr>:first-child{position:sticky;left:0;background:var(--ground)}\n"
    ".scroll>table thead tr>:first-child{background:var(--raised)}\n"
    "tr.best>*,.scroll>table tr.best>:first-child{background:var(--best)}\n"
    "tr.best>th{font-weight:700}\n"
    "tr.problem>td,.bad{color:var(--bad)}\n"
    "th>button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;"
    "text-align:inherit;overflow-wrap:normal}\n"
    "th>button{text-decoration:underline dotted var(--soft);text-underline-offset:.2em}\n"
    "th[aria-sort=ascending]>button::after{content:' \\2191'}\n"
    "th[aria-sort=descending]>button::after{content:' \\2193'}\n"
    ":focus-visible{outline:2px solid var(--link);outline-offset:1px}\n"
    "details{margin:.5rem 0}\n"
    "summary{cursor:pointer;padding:.2rem 0;overflow-wrap:anywhere}\n"
    "figure{margin:1.6rem 0 2rem}\n"
    "figcaption{max-width:52rem}\n"
    "figcaption b{display:block}\n"
    ".plot{overflow-x:auto}\n"
    ".plot svg{display:block;max-width:100%;height:auto;min-width:36rem}\n"
    ".plot text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif}\n"
    "#tip{position:fixed;z-index:5;max-width:24rem;padding:.35rem .6rem;font-size:.82rem;"
    "background:var(--text);color:var(--ground);border-radius:.25rem;overflow-wrap:anywhere;"
    "pointer-events:none}\n"
    ".quiet{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n"
    ".q0{background:#ffffff;color:#1b1f24}.q1{background:#e7edf4;color:#1b1f24}"
    ".q2{background:#ced9e8;color:#1b1f24}.q3{background:#b5c7dd;color:#1b1f24}"
    ".q4{background:#9db5d2;color:#1b1f24}.q5{background:#84a3c7;color:#000000}"
    ".q6{background:#6a91bc;color:#000000}.q7{background:#4f7fb1;color:#000000}"
    ".q8{background:#356ea6;color:#ffffff}.q9{background:#1a5f9c;color:#ffffff}"
    ".q10{background:#084f8f;color:#ffffff}\n"
    "@media screen and (prefers-color-scheme:dark){"
    ".q0{background:#15171a;color:#e6e6e6}.q1{background:#242d37;color:#e6e6e6}"
    ".q2{background:#324050;color:#e6e6e6}.q3{background:#3e5367;color:#e6e6e6}"
    ".q4{background:#4a647e;color:#e6e6e6}.q5{background:#567595;color:#ffffff}"
    ".q6{background:#6286ab;color:#000000}.q7{background:#6e97c0;color:#000000}"
    ".q8{background:#79a7d5;color:#000000}.q9{background:#84b7ea;color:#000000}"
    ".q10{background:#8fc7ff;color:#000000}}\n"
    "span[class^=w]{print-color-adjust:exact}"
    ".w1{background:color-mix(in srgb,var(--heat) 10%,transparent)}.w2{background:color-mix(in "
    "srgb,var(--heat) 20%,transparent)}"
    ".w3{background:color-mix(in srgb,var(--heat) 30%,transparent)}.w4{background:color-mix(in "
    "srgb,var(--heat) 40%,transparent)}"
    ".w5{background:color-mix(in srgb,var(--heat) 50%,transparent)}.w6{background:color-mix(in "
    "srgb,var(--heat) 60%,transparent)}"
    ".w7{background:color-mix(in srgb,var(--heat) 70%,transparent)}.w8{background:color-mix(in "
    "srgb,var(--heat) 80%,transparent)}"
    ".w9{background:color-mix(in srgb,var(--heat) 90%,transparent)}.w10{background:color-mix(in "
    "srgb,var(--heat) 100%,transparent)}\n"
    "@media (min-width:75rem){body{display:grid;grid-template-columns:11rem minmax(0,1fr);"
    "gap:0 1.5rem;max-width:100rem;margin:0 auto}nav{position:sticky;top:0;align-self:start;"
    "max-height:100vh;overflow-y:auto;padding-top:1.2rem}nav ul{display:block}"
    "nav li{white-space:normal}}\n"
    "@media (max-width:40rem){body{padding:0 .7rem 3rem}h1{font-size:1.3rem}"
    "th,td{padding:.3rem .45rem}tbody th{max-width:9rem}td.t{min-width:6rem}"
    "td.w{min-width:17rem}td.t code{max-width:11rem}td.w code{max-width:17rem}}\n"
    "@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}\n"
    "@media print{:root{--ground:#ffffff;--raised:#f4f6f8;--line:#c9d1d9;--text:#1b1f24;"
    "--soft:#57606a;--link:#0550ae;--bad:#b42318;--best:#e7f1fb;--heat:#ffb347}html{font-size:10pt}"
    "nav,.skip,#tip,"
    "th>button::after{display:none}body{display:block}.scroll{overflow:visible}"
    ".plot svg{min-width:0}figure,tr{break-inside:avoid}h2{break-after:avoid}"
    "details::details-content{content-visibility:visible;display:block;height:auto}"
    ".scroll>table tr>:first-child{position:static}}\n";

static const char script[] =
    "\n(()=>{'use strict';\n"
    "const live=document.getElementById('live'),tip=document.getElementById('tip');\n"
    "const shown=c=>c.dataset.v??c.textContent.trim();\n"
    "const value=c=>{const v=c?shown(c):'';return v===''||isNaN(v)?v:+v};\n"
    "const order=(a,b)=>typeof a==='number'&&typeof b==='number'?a-b:"
    "String(a).localeCompare(String(b));\n"
    "const absent=v=>v===''||v==='-';\n"
    "document.querySelectorAll('th>button').forEach(b=>b.addEventListener('click',()=>{\n"
    "const th=b.parentNode,t=th.closest('table'),i=th.cellIndex,now=th.getAttribute('aria-sort');\n"
    "const down=now?now==='ascending':th.classList.contains('n'),body=t.tBodies[0];\n"
    "const rows=[...body.rows].map(r=>[r,value(r.cells[i])]);\n"
    "rows.sort(([r,x],[s,y])=>r.classList.contains('problem')-s.classList.contains('problem')||"
    "absent(x)-absent(y)||(down?order(y,x):order(x,y)));\n"
    "body.append(...rows.map(([r])=>r));\n"
    "t.querySelectorAll('th[aria-sort]').forEach(o=>o.removeAttribute('aria-sort'));\n"
    "th.setAttribute('aria-sort',down?'descending':'ascending');\n"
    "live.textContent=`Sorted by ${b.textContent}, ${down?'descending':'ascending'}`;\n"
    "}));\n"
    "const tell=c=>{if(c.dataset.t)return c.dataset.t;if(c.tagName!=='TD')return;\n"
    "const v=shown(c),s=c.closest('table').tHead?.rows[0].cells[c.cellIndex]?.dataset.s;\n"
    "return s&&v!==''&&!isNaN(v)?`${v}: ${s}`:undefined};\n"
    "const show=c=>{const t=c&&tell(c);if(!t){tip.hidden=true;return}\n"
    "tip.textContent=t;tip.hidden=false;\n"
    "const r=c.getBoundingClientRect(),w=tip.offsetWidth,h=tip.offsetHeight;\n"
    "tip.style.setProperty('left',Math.max(4,Math.min(r.left,innerWidth-w-4))+'px');\n"
    "tip.style.setProperty('top',(r.top>h+8?r.top-h-4:r.bottom+4)+'px')};\n"
    "const told=e=>e.target.closest?.('[data-t],td');\n"
    "document.addEventListener('mouseover',e=>show(told(e)));\n"
    "document.addEventListener('focusin',e=>show(told(e)));\n"
    "document.addEventListener('scroll',()=>show(),true);\n"
    "document.querySelectorAll('table').forEach(t=>{for(const c of t.querySelectorAll('td'))"
    "if(tell(c)){c.tabIndex=0;break}});\n"
    "document.addEventListener('keydown',e=>{\n"
    "if(e.key==='Escape')show();\n"
    "const "
    "c=e.target,to={ArrowLeft:[0,-1],ArrowRight:[0,1],ArrowUp:[-1,0],ArrowDown:[1,0]}[e.key];\n"
    "if(!to||c.tagName!=='TD')return;\n"
    "const rows=c.closest('table').rows;\n"
    "for(let "
    "y=c.parentNode.rowIndex+to[0],x=c.cellIndex+to[1];rows[y]?.cells[x];y+=to[0],x+=to[1]){\n"
    "const n=rows[y].cells[x];if(!tell(n)||n.tagName!=='TD')continue;\n"
    "c.tabIndex=-1;n.tabIndex=0;n.focus();e.preventDefault();return}});\n"
    "let shut=[];\n"
    "addEventListener('beforeprint',()=>{shut=[...document.querySelectorAll('details:not([open])')]"
    ";"
    "shut.forEach(d=>d.open=true)});\n"
    "addEventListener('afterprint',()=>shut.forEach(d=>d.open=false));\n"
    "})();\n";

/* On a dark ground the figures' colours give way to their twins (report/looks.h): gnuplot writes
 * them as attributes, which any rule of a style sheet overrides. */
static void write_twin(FILE *stream, uint32_t light, uint32_t dark) {
    static const char *const attributes[] = {"fill", "stroke", "color"};
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        fprintf(stream, ".plot [%s='#%06x']{%s:#%06x}", attributes[i], (unsigned)light,
                attributes[i], (unsigned)dark);
    fputs("\n", stream);
}

/* The style sheet, to be freed; NULL: no memory. */
static char *make_style(size_t *ret_size) {
    static const uint32_t twins[][2] = {
        {AS_INK, 0xe6e6e6}, {AS_SOFT_INK, 0xa8b0ba}, {AS_GUIDE, 0x3d444d}, {0xffffff, 0x15171a}};
    char *text = NULL;
    FILE *stream = open_memstream(&text, ret_size);
    if (!stream)
        return NULL;
    fputs(plain_style, stream);
    fputs("@media screen and (prefers-color-scheme:dark){\n", stream);
    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++)
        write_twin(stream, twins[i][0], twins[i][1]);
    for (int hue = 0; hue < AS_HUES; hue++)
        for (int shade = 0; shade < AS_SHADES; shade++) {
            const as_look look = {.hue = hue, .shade = shade};
            write_twin(stream, as_look_colour(look), as_look_dark(look));
        }
    fputs("}\n", stream);
    fclose(stream);
    return text;
}

/* RFC 4648, section 4, of a digest given in hexadecimal. */
static void write_base64(FILE *stream, const char *hex) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char digits[] = "0123456789abcdef";
    unsigned bits = 0;
    int n = 0;
    for (; *hex; hex++) {
        bits = (bits << 4 | (unsigned)(strchr(digits, *hex) - digits)) & 0xffffu;
        n += 4;
        for (; n >= 6; n -= 6)
            fputc(letters[bits >> (n - 6) & 63], stream);
    }
    if (n) /* 256 bits leave 4 */
        fprintf(stream, "%c=", letters[bits << (6 - n) & 63]);
}

static void write_digest(FILE *stream, const char *text, size_t size) {
    fputs("'sha256-", stream);
    write_base64(stream, as_sha256_bytes(text, size).text);
    fputs("'", stream);
}

void as_html_head(FILE *stream) {
    size_t size = 0;
    char *style = make_style(&size);
    fputs("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ",
          stream);
    write_digest(stream, style ? style : "", size);
    fputs("; script-src ", stream);
    write_digest(stream, script, sizeof script - 1);
    fprintf(stream, "; base-uri 'none'; form-action 'none'\">\n<style>%s</style>\n",
            style ? style : "");
    free(style);
}

void as_html_script(FILE *stream) {
    fprintf(stream, "<script>%s</script>\n", script);
}
