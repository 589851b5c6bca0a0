import nodemailer from 'nodemailer';

export async function handle({ host, ca }) {
  const transport = nodemailer.createTransport({ host, port: 25, requireTLS: true, tls: { ca } });
  const { response } = await transport.sendMail({
    from: 'a@secure.test',
    to: 'b@secure.test',
    subject: 'a sink',
    text: 'Hello.',
  });
  return response;
}
