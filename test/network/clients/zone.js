// What is where in the world of world.js.

export const PASSWORD = 'open sesame';

export const PORTS = { http: 80, https: 443, postgres: 5432, redis: 6379, smtp: 25 };

export const ADDRESSES = {
  open: '203.0.113.10',
  open6: '2001:db8::10',
  closed: '203.0.113.66',
  dns: '203.0.113.53',
  private: '10.1.2.3',
  metadata: '169.254.169.254',
};

const { open, open6, closed } = ADDRESSES;

/**
 * The names that there are, and their addresses: for functions, of the nth time that somebody asks.
 *
 * @type {Record<string, string[] | ((before: number) => string[])>}
 */
export const ZONE = {
  'secure.test': [open],
  'web.test': [open],
  'six.test': [open6],
  'both.test': [open, open6],
  'no.test': [closed],
  'private.test': [ADDRESSES.private],
  'metadata.test': [ADDRESSES.metadata],
  'mixed.test': [ADDRESSES.private, open],
  'rebinding.test': (before) => [before === 0 ? open : ADDRESSES.metadata],
  // More than a datagram holds: the resolver asks again over TCP.
  'many.test': [open, ...Array.from({ length: 59 }, (_, i) => `198.51.100.${i + 1}`)],
};
