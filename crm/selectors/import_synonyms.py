"""How other systems head their columns, in English and Chinese, without case, spaces and marks."""

# A field's own words, or those of one kind's field, by `<kind>.<field>`.
SYNONYMS: dict[str, str] = {
    "account": (
        "account accountid accountnumber accountno customer customerid customernumber customerno "
        "customercode client clientid company companyid 客户 客户编号 客户号 客户id"
    ),
    "accounts.external_id": (
        "id externalid accountid accountnumber accountno customerid customernumber customerno "
        "customercode clientid companyid code number no 编号 客户编号 客户号 客户id"
    ),
    "accounts.kind": "kind type accounttype customertype 类型 客户类型",
    "accounts.name": (
        "name accountname customername companyname company organisation organization customer client "
        "名称 客户名称 公司 公司名称 姓名"
    ),
    "accounts.phone": "phone phonenumber telephone tel mobile 电话 手机 联系电话",
    "ad_code": "adcode ad adid adname advertisement creative 广告 广告编号",
    "amount_per_period": "amountperperiod amount price fee mrr 金额 每期金额",
    "campaign": "campaign campaigncode campaignid 活动 活动代码",
    "campaign_code": "campaign campaigncode utmcampaign 活动 活动代码",
    "category": "category productcategory group productgroup 类别 分类",
    "clicks": "clicks 点击 点击量",
    "code": (
        "product productcode productid sku stockcode item itemcode itemid article 产品 产品编号 "
        "产品编码 商品 商品编码 code id 编号 编码"
    ),
    "contacts.external_id": "id externalid contactid contactnumber personid 联系人编号",
    "contacts.name": "name fullname contactname contact person 姓名 联系人 名字",
    "contacts.phone": "phone phonenumber telephone tel mobile 电话 手机",
    "conversions": "conversions results 转化 转化量",
    "cost_amount": "costamount cost spend amountspent amount 花费 费用 成本",
    "country": "country countrycode land 国家 国别",
    "currency": "currency currencycode ccy 币种 货币",
    "customer_since": (
        "customersince since startdate joined joindate signupdate created createdat 成为客户日期 "
        "注册日期 开户日期"
    ),
    "due_at": "dueat due duedate payableby 到期日 到期日期",
    "duration_seconds": "durationseconds duration seconds 时长 时长秒",
    "email": "email mail emailaddress 邮箱 电子邮件",
    "events.at": "at time timestamp datetime date eventtime occurredat 时间 发生时间",
    "events.kind": "kind event eventtype type action 事件 事件类型 类型",
    "events.product": (
        "product productcode productid sku stockcode item itemcode itemid article 产品 产品编号 "
        "产品编码 商品 商品编码"
    ),
    "medium": "medium utmmedium 媒介",
    "impressions": "impressions views 展示 曝光",
    "industry": "industry sector branch 行业",
    "invoice": "invoice invoicenumber invoiceno invoiceid 发票号 发票编号",
    "invoices.amount": "amount total invoiceamount value 金额 总额",
    "invoices.number": "number invoicenumber invoiceno invoiceid invoice id 发票号 发票编号",
    "is_bought_once": "isboughtonce boughtonce onceforlife 终身一次",
    "sold_in": "soldin countries markets 销售国家",
    "is_sold": "issold active isactive sold available 在售 是否在售",
    "issued_at": "issuedat issued issuedate invoicedate date 开票日期 日期",
    "job_title": "jobtitle title position function role 职位 职务",
    "key": "key id eventid uuid 事件编号",
    "on_date": "ondate date day reportdate 日期 天",
    "opened_at": "openedat opened createdat created date 创建时间 打开时间 日期",
    "orders.amount": "amount lineamount linetotal total value 金额 小计 总额",
    "orders.cancelled_at": "cancelledat canceledat cancellationdate cancelled 取消时间 取消日期",
    "orders.kind": "kind type ordertype 类型 订单类型",
    "orders.number": (
        "number ordernumber orderno orderid order invoice invoiceno document 订单号 订单编号 单号"
    ),
    "orders.product": (
        "product productcode productid sku stockcode item itemcode itemid article 产品 产品编号 "
        "产品编码 商品 商品编码"
    ),
    "owner": "owner accountowner salesperson accountmanager 负责人 客户经理",
    "page": "page path url 页面 路径",
    "paid_at": "paidat paid paymentdate date bookingdate 付款日期 支付时间 日期",
    "payments.amount": "amount paidamount payment value 金额 付款金额",
    "payments.external_id": "id externalid paymentid transactionid transaction reference 付款编号 交易号",
    "period_days": "perioddays period days billingperiod 周期 周期天数",
    "placed_at": "placedat orderdate date orderedat placed invoicedate createdat 下单时间 订单日期 日期",
    "price": "price unitprice listprice 价格 单价 售价",
    "priority": "priority urgency 优先级",
    "products.name": "name productname description title itemname 名称 产品名称 商品名称",
    "quantity": "quantity qty units 数量",
    "responses.amount": "amount value revenue 金额",
    "responses.at": "at time timestamp date respondedat 时间 日期",
    "responses.kind": "kind response type action event 响应 响应类型",
    "solved_at": "solvedat solved resolvedat resolved closedat closed 解决时间 关闭时间",
    "source": "source utmsource channel 来源 渠道",
    "stage": "stage lifecyclestage status 阶段 客户阶段",
    "started_at": "startedat start startdate begin since 开始时间 开始日期",
    "state": "state status 状态",
    "subject": "subject title summary topic 主题 标题",
    "subscriptions.cancelled_at": "cancelledat canceledat cancellationdate end enddate 取消时间 结束日期",
    "subscriptions.external_id": "id externalid subscriptionid subscription contract 订阅编号 合同号",
    "subscriptions.product": (
        "product productcode productid sku stockcode item itemcode itemid article 产品 产品编号 "
        "产品编码 商品 商品编码 plan"
    ),
    "tax_id": "taxid taxnumber vat vatid vatnumber 税号 统一社会信用代码",
    "term": "term query searchterm keyword 搜索词 关键词",
    "text": "text description body message 内容 描述",
    "tickets.external_id": "id externalid ticketid ticketnumber ticket caseid casenumber 工单号 工单编号",
    "tickets.kind": "kind type category 类型 工单类型",
    "unit_price": "unitprice price itemprice 单价 价格",
    "visitor": "visitor visitorid anonymousid 访客",
    "website": "website web url homepage domain 网站 网址",
}
