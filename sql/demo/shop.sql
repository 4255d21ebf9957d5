-- The sample shop: a script of CREATE statements, one blank line between two of them.
-- Runs as it is on SQLite 3.31+ and PostgreSQL 12+.
-- Relies on nothing but standard types, generated columns and ALTER TABLE … ADD COLUMN.

CREATE TABLE countries (
  code char(2) PRIMARY KEY,
  name varchar(60) NOT NULL UNIQUE,
  currency char(3) NOT NULL,
  vat_percent numeric(4,1) NOT NULL CHECK (vat_percent >= 0)
);

CREATE TABLE categories (
  category_id integer PRIMARY KEY,
  parent_id integer REFERENCES categories (category_id),
  name varchar(60) NOT NULL UNIQUE
);

CREATE TABLE suppliers (
  supplier_id integer PRIMARY KEY,
  country_code char(2) NOT NULL REFERENCES countries (code),
  name varchar(80) NOT NULL,
  email varchar(120) NOT NULL UNIQUE,
  phone varchar(30),
  partner_since date NOT NULL
);

CREATE TABLE products (
  product_id integer PRIMARY KEY,
  category_id integer NOT NULL REFERENCES categories (category_id),
  supplier_id integer NOT NULL REFERENCES suppliers (supplier_id),
  sku varchar(12) NOT NULL UNIQUE,
  cost numeric(10,2) NOT NULL CHECK (cost > 0),
  price numeric(10,2) NOT NULL,
  weight_grams integer CHECK (weight_grams > 0),
  is_active boolean NOT NULL DEFAULT true,
  listed_on date NOT NULL,
  CHECK (price >= cost)
);

CREATE TABLE tags (
  tag_id integer PRIMARY KEY,
  label varchar(30) NOT NULL UNIQUE
);

CREATE TABLE product_tags (
  product_id integer NOT NULL REFERENCES products (product_id),
  tag_id integer NOT NULL REFERENCES tags (tag_id),
  PRIMARY KEY (product_id, tag_id)
);

CREATE TABLE stores (
  store_id integer PRIMARY KEY,
  country_code char(2) NOT NULL REFERENCES countries (code),
  city varchar(60) NOT NULL,
  opened_on date NOT NULL
);

CREATE TABLE employees (
  employee_id integer PRIMARY KEY,
  store_id integer NOT NULL REFERENCES stores (store_id),
  reports_to integer REFERENCES employees (employee_id),
  first_name varchar(40) NOT NULL,
  last_name varchar(40) NOT NULL,
  email varchar(120) NOT NULL UNIQUE,
  job varchar(20) NOT NULL CHECK (job IN ('manager', 'clerk', 'cashier', 'trainee')),
  hired_on date NOT NULL,
  salary numeric(10,2) NOT NULL CHECK (salary > 0)
);

ALTER TABLE stores ADD COLUMN manager_id integer REFERENCES employees (employee_id);

CREATE TABLE customers (
  customer_id integer PRIMARY KEY,
  country_code char(2) NOT NULL REFERENCES countries (code),
  customer_no integer NOT NULL,
  first_name varchar(40) NOT NULL,
  last_name varchar(40) NOT NULL,
  email varchar(120) NOT NULL UNIQUE,
  phone varchar(30),
  birth_date date,
  segment varchar(10) NOT NULL CHECK (segment IN ('new', 'regular', 'business')),
  wants_mail boolean NOT NULL DEFAULT false,
  registered_at timestamp NOT NULL,
  UNIQUE (country_code, customer_no)
);

CREATE TABLE addresses (
  address_id integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers (customer_id),
  kind varchar(10) NOT NULL CHECK (kind IN ('home', 'work', 'billing')),
  street varchar(80) NOT NULL,
  postcode varchar(10) NOT NULL,
  city varchar(60) NOT NULL,
  UNIQUE (customer_id, kind)
);

CREATE TABLE loyalty_cards (
  customer_id integer PRIMARY KEY REFERENCES customers (customer_id),
  card_no varchar(14) NOT NULL UNIQUE,
  tier varchar(10) NOT NULL CHECK (tier IN ('bronze', 'silver', 'gold')),
  points integer NOT NULL DEFAULT 0 CHECK (points >= 0),
  issued_on date NOT NULL
);

CREATE TABLE orders (
  order_id integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers (customer_id),
  store_id integer REFERENCES stores (store_id),
  status varchar(10) NOT NULL CHECK (status IN ('open', 'paid', 'shipped', 'returned')),
  currency char(3) NOT NULL,
  placed_at timestamp NOT NULL,
  paid_at timestamp,
  total numeric(12,2) NOT NULL CHECK (total >= 0),
  CHECK (paid_at >= placed_at)
);

CREATE TABLE order_lines (
  order_id integer NOT NULL REFERENCES orders (order_id),
  line_no integer NOT NULL CHECK (line_no > 0),
  product_id integer NOT NULL REFERENCES products (product_id),
  quantity integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
  unit_price numeric(10,2) NOT NULL CHECK (unit_price >= 0),
  amount numeric(12,2) GENERATED ALWAYS AS (quantity * unit_price) STORED,
  PRIMARY KEY (order_id, line_no)
);

CREATE TABLE payments (
  payment_id integer PRIMARY KEY,
  order_id integer NOT NULL REFERENCES orders (order_id),
  method varchar(10) NOT NULL CHECK (method IN ('card', 'invoice', 'cash', 'voucher')),
  amount numeric(12,2) NOT NULL CHECK (amount >= 0),
  reference varchar(16) NOT NULL UNIQUE,
  received_at timestamp NOT NULL
);

CREATE TABLE shipments (
  shipment_id integer PRIMARY KEY,
  order_id integer NOT NULL,
  line_no integer NOT NULL,
  carrier varchar(20) NOT NULL,
  shipped_on date NOT NULL,
  delivered_on date,
  FOREIGN KEY (order_id, line_no) REFERENCES order_lines (order_id, line_no),
  CHECK (delivered_on >= shipped_on)
);

CREATE TABLE reviews (
  review_id integer PRIMARY KEY,
  product_id integer NOT NULL REFERENCES products (product_id),
  customer_id integer NOT NULL REFERENCES customers (customer_id),
  rating integer NOT NULL CHECK (rating BETWEEN 1 AND 5),
  body text,
  written_at timestamp NOT NULL,
  UNIQUE (product_id, customer_id)
);

CREATE TABLE carts (
  cart_id integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers (customer_id),
  product_id integer NOT NULL REFERENCES products (product_id),
  quantity integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
  added_at timestamp NOT NULL
);

CREATE TABLE audit_log (
  happened_at timestamp NOT NULL,
  actor varchar(120) NOT NULL,
  action varchar(20) NOT NULL,
  detail text
);
