-- SPDX-License-Identifier: GPL-3.0-or-later
-- Expands only: release 1.0.0 neither reads nor writes the new column, and its default costs no rewrite.
alter table customers add column loyalty_tier text not null default 'basic'
    check (loyalty_tier in ('basic', 'silver', 'gold'));
create index customers_by_loyalty_tier on customers (loyalty_tier) where loyalty_tier <> 'basic';
update customers set loyalty_tier = case when spent.total >= 600 then 'gold' else 'silver' end
from (select customer_id, sum(amount) as total from orders group by customer_id having sum(amount) >= 400) as spent
where spent.customer_id = customers.id;
