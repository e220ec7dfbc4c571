"""What companies are called beside their name: their legal form, in the languages that we met.

Written as `match_keys` leaves words: without case, accents, dots and width.
"""

from __future__ import annotations


def _forms(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(line.split()) for line in text.replace("\n", ",").split(",") if line.strip())


# Words between which nothing is lost.
FILLERS = frozenset(("and", "und", "et", "the", "og", "och"))

FORMS_AT_END = _forms(
    """
    ltd, limited, plc, llp, lp, llc, l l c, inc, incorporated, corp, corporation, co, company, cic, cio, lllp
    pllc, pc, pty, pty ltd, proprietary, pvt, private limited, pte, sdn bhd, bhd, berhad, opc
    gmbh, mbh, ag, kg, kgaa, ohg, gbr, ug, haftungsbeschrankt, ek, ev, eg, gmbh co kg, se, partg, partg mbb
    sa, s a, sas, s a s, sasu, sarl, s a r l, eurl, sci, snc, scop, selarl, ste, cie
    srl, s r l, srls, spa, s p a, sapa, sas di, scarl, soc coop
    sl, s l, slu, sau, sll, scp, s de rl, s de rl de cv, sa de cv, de cv, rl de cv, srl de cv, spr de rl
    lda, limitada, unipessoal lda, ltda, eireli
    bv, b v, nv, n v, vof, cv, bvba, sprl, cvba, scrl, vzw, asbl
    as, a s, aps, a p s, ivs, p s, ab, hb, kb, asa, oy, oyj, ky, tmi, ehf, hf
    sp z oo, sp zoo, spzoo, spolka z oo, z oo, sp k, sp j, spolka akcyjna, sro, s r o, spol s ro
    kft, zrt, nyrt, bt, kkt, doo, d o o, dd, d d, jdoo, ad, ead, ood, eood, uab, sia, ou, oü
    ооо, оао, зао, пао, ао, ип, тов, тоо, пп
    αε, επε, οε, εε, ικε, ae, epe, ike
    ltd sti, sti, anonim sirketi, san tic ltd sti, tic ltd sti
    tbk, persero, jsc, pjsc, ojsc, cjsc, ooo, oao, zao, pao
    kk, k k, gk, yk, kabushiki kaisha, co ltd, company limited, wfoe
    fze, fzco, fz llc, wll, w l l, saog, saoc, 株, 有, 주
    """
)
FORMS_AT_START = _forms(
    """
    ooo, oao, zao, pao, ooo, ооо, оао, зао, пао, ао, ип, тов, тоо, пп, pt, cv, ud, uab, sia, ou, as, sc, srl
    sarl, sas, sa, ste, societe, ets, etablissements, firma, fa, kk, kabushiki kaisha, m s, 株, 有, 주
    """
)
LONGEST_FORM = max(map(len, FORMS_AT_END | FORMS_AT_START))  # words
# Stuck to the name in front or behind, the longest first. ㈱ and ㈜ have come apart by then.
_GLUED = """
    股份有限责任公司 有限责任公司 股份有限公司 股份公司 有限公司 责任公司 公司 有限合伙 普通合伙 个体工商户
    股份有限責任公司 有限責任公司 責任公司 有限合夥 個體工商戶 股份 有限
    株式会社 株式會社 有限会社 有限會社 合同会社 合名会社 合資会社 一般社団法人 財団法人
    주식회사 유한회사 유한책임회사 합자회사 합명회사
"""
GLUED_FORMS = sorted(_GLUED.split(), key=len, reverse=True)
