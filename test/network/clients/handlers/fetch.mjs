export async function handle({ host }) {
  return (await fetch(`http://${host}/fetch`)).json();
}
