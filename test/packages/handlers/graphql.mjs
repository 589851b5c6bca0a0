import { buildSchema, graphql } from 'graphql';

export async function handle() {
  const schema = buildSchema('type Query { hello(name: String!): String }');
  const rootValue = { hello: ({ name }) => `Hello ${name}` };
  const { data, errors } = await graphql({ schema, source: '{ hello(name: "you") }', rootValue });
  return { hello: data.hello, errors };
}
