/** One terminal. */
export default function Terminal({ id }: { id: string }) {
  return (
    <div className="empty">
      <title>Terminal · Towpath</title>
      There is no terminal {id}.
    </div>
  );
}
