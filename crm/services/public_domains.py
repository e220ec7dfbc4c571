"""Domains that say nothing about whom they belong to: mail providers and sites for everybody."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PUBLIC_DOMAINS = _words(
    """
    gmail.com googlemail.com google.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com
    rocketmail.com icloud.com me.com mac.com aol.com proton.me protonmail.com pm.me tutanota.com fastmail.com
    zoho.com mail.com gmx.com gmx.net gmx.de gmx.at gmx.ch web.de t-online.de freenet.de arcor.de mail.de
    posteo.de orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr libero.it virgilio.it alice.it tin.it
    tiscali.it btinternet.com sky.com talktalk.net virginmedia.com ntlworld.com blueyonder.co.uk ziggo.nl
    kpnmail.nl planet.nl home.nl hetnet.nl telenet.be skynet.be bluewin.ch telia.com online.no wp.pl o2.pl
    onet.pl interia.pl seznam.cz centrum.cz mail.ru yandex.ru yandex.com bk.ru list.ru inbox.ru rambler.ru
    ukr.net qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com aliyun.com 139.com 189.cn
    wo.cn tom.com 21cn.com hinet.net pchome.com.tw naver.com daum.net hanmail.net nate.com docomo.ne.jp
    ezweb.ne.jp softbank.ne.jp nifty.com rediffmail.com uol.com.br bol.com.br terra.com.br comcast.net
    verizon.net att.net sbcglobal.net bellsouth.net cox.net shaw.ca rogers.com bigpond.com optusnet.com.au
    xtra.co.nz facebook.com fb.com instagram.com linkedin.com twitter.com x.com youtube.com tiktok.com wa.me
    t.me weibo.com taobao.com tmall.com 1688.com alibaba.com amazon.com ebay.com etsy.com linktr.ee
    """
)
# Everybody has a name of their own below these.
HOSTING = _words(
    """
    blogspot.com wordpress.com wixsite.com weebly.com squarespace.com myshopify.com github.io gitlab.io
    netlify.app vercel.app herokuapp.com azurewebsites.net web.app pages.dev jimdofree.com business.site
    """
)
# Below a country's own domain these are no names yet: acme.co.uk is one, co.uk is none.
SECOND_LEVELS = _words("ac co com edu gob gov gouv ltd me ne net nom or org plc sch id in firm gen")
